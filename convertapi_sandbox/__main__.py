"""`python -m convertapi_sandbox` and `convertapi-sandbox`: serve a sandbox."""

from convertapi_sandbox.cli import app

__all__ = ["main"]


def main() -> None:
    """Run the command line; ends the process with its exit status."""
    app(prog_name="convertapi-sandbox")


if __name__ == "__main__":
    main()
