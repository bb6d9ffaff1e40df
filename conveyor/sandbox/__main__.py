"""`python -m conveyor.sandbox`: serve a sandbox."""

from conveyor.sandbox.cli import app

if __name__ == "__main__":
    app(prog_name="conveyor.sandbox")
