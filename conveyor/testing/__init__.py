"""The test kit: Conveyor in your test's own process, without Redis, broker and workers.

>>> from conveyor.testing import FakeConveyor
>>> fake = FakeConveyor()                                                   # doctest: +SKIP
>>> handle = fake.convert("https://example.com/a.docx", to="pdf")           # doctest: +SKIP
>>> fake.succeed(handle, files={"a.pdf": b"%PDF"}).files[0].name            # doctest: +SKIP
'a.pdf'

With pytest you get it as the fixture ``fake_conveyor``, and the real one as ``conveyor_stack``.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    from conveyor.testing.enqueued import Enqueued
    from conveyor.testing.fake import FakeConveyor
    from conveyor.testing.mistakes import NothingPlanned, NotInFake, NotUnderWay
    from conveyor.testing.silent_app import CalledBack
    from conveyor.testing.stack import ConveyorStack

__all__ = [
    "CalledBack",
    "ConveyorStack",
    "Enqueued",
    "FakeConveyor",
    "NotInFake",
    "NotUnderWay",
    "NothingPlanned",
]

_MODULES: typing.Final = {
    "CalledBack": "conveyor.testing.silent_app",
    "ConveyorStack": "conveyor.testing.stack",
    "Enqueued": "conveyor.testing.enqueued",
    "FakeConveyor": "conveyor.testing.fake",
    "NotInFake": "conveyor.testing.mistakes",
    "NotUnderWay": "conveyor.testing.mistakes",
    "NothingPlanned": "conveyor.testing.mistakes",
}


# As in `conveyor`: the plugin looks in here in every run of pytest.
if not typing.TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(importlib.import_module(_MODULES[name]), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*__all__, *globals()})
