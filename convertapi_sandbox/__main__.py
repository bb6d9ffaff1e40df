"""`python -m convertapi_sandbox`: serve a sandbox."""

from convertapi_sandbox.cli import app

if __name__ == "__main__":
    app(prog_name="convertapi_sandbox")
