"""``make demo``: a Word document becomes a PDF through the real tasks, on an embedded stack."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace

from rich.console import Console

from conveyor import Conveyor
from conveyor.cli.console import say, stdout
from conveyor.cli.progress import follow
from conveyor.cli.report import summary
from conveyor.domain.conversion import Conversion
from conveyor.errors import ConveyorError
from local_stack.environment import ROOT
from local_stack.interruption import ended_by_signals
from local_stack.process import StartError
from local_stack.stack import LocalStack

SOURCE = ROOT / "examples" / "report.docx"
RESULT = ROOT / "var" / "demo" / "report.pdf"

_PATIENCE_S = 60.0
# The service takes seconds where the sandbox takes a blink, with nothing to look on to.
_AS_SLOW_AS_THE_SERVICE = ("--duration", "2")


def main() -> int:
    """Run the demo; return the exit status."""
    console = stdout()
    try:
        with ended_by_signals():
            _demonstrate(console)
    except KeyboardInterrupt:
        sys.stderr.write("demo: interrupted; nothing is left running\n")
        return 130
    except (ConveyorError, StartError, OSError) as error:
        sys.stderr.write(f"demo: {error}\n")
        return 1
    return 0


def _demonstrate(console: Console) -> None:
    say(console, "Starting Valkey, the sandbox and a worker on loopback …")
    with (
        LocalStack(sandbox_options=_AS_SLOW_AS_THE_SERVICE) as stack,
        closing(stack.conveyor()) as conveyor,
    ):
        say(console, f"Converting {SOURCE.relative_to(ROOT)} to PDF …")
        conversion = follow(conveyor.convert(SOURCE, to="pdf"), console, _PATIENCE_S)
        conversion.raise_if_failed()
        kept = _keep(conversion, conveyor)
    say(console, "")
    summary(kept, console)
    say(console, "")
    say(console, f"The PDF was copied to ./{RESULT.relative_to(ROOT)}; all parts have ended.")


def _keep(conversion: Conversion, conveyor: Conveyor) -> Conversion:
    """Copy the PDF out of the stack's storage, which goes with the stack."""
    (pdf,) = conversion.files
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    with RESULT.open("wb") as copy:
        copy.writelines(conveyor.storage.read(pdf.uri))
    return replace(conversion, files=(replace(pdf, uri=RESULT.as_uri()),))


if __name__ == "__main__":
    sys.exit(main())
