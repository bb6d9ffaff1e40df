"""The command line: ``conveyor …`` and ``python -m conveyor …``."""

from __future__ import annotations

import sys

from conveyor.cli.processes import PROCESSES
from conveyor.cli.processes import run as run_process
from conveyor.installing import how_to_install

__all__ = ["main"]

_OF_THE_EXTRA = frozenset({"click", "rich", "typer"})


def main() -> None:
    """Run the command line; ends the process with its exit status."""
    name, *arguments = sys.argv[1:] or [""]
    if name in PROCESSES:
        # They need nothing of the extra.
        run_process(name, arguments)
    try:
        # Imported here: the packages of the extra may be missing, and Ctrl-C may come early.
        from conveyor.cli.app import run  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package not in _OF_THE_EXTRA:
            raise
        sys.stderr.write(
            f"error: the command line needs the package {package}. {how_to_install('cli')}\n"
        )
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
