import asyncio
import threading
from pathlib import Path

import pytest

from convertapi_sandbox import engine as engine_module
from convertapi_sandbox.converters.model import Converter, Output
from convertapi_sandbox.engine import Engine, Work
from convertapi_sandbox.errors import ApiError, conversion_error
from convertapi_sandbox.files import StoredFile


class Runs:
    """A conversion that counts its runs and may fail."""

    def __init__(self, failures=0):
        self.count = 0
        self.failures = failures
        self._lock = threading.Lock()

    def __call__(self, task):
        with self._lock:
            self.count += 1
        if self.count <= self.failures:
            raise conversion_error(5001)
        path = task.folder / "out.txt"
        path.write_text("made")
        return [Output(path)]


def work(run, content="digest", name="a", *, uses_names=False, **options):
    source = StoredFile(id="i", name=name, path=Path("p"), size=1, digest=content, created=0)
    return Work(
        converter=Converter(pairs=frozenset({("a", "b")}), run=run, uses_names=uses_names),
        source_format="a",
        target_format="b",
        sources=[source],
        options=options,
        timeout_s=10,
    )


@pytest.fixture
def engine(tmp_path):
    running = Engine(tmp_path, workers=2)
    yield running
    running.close()


def all_of(engine, *works):
    async def convert():
        return await asyncio.gather(*(engine.convert(one) for one in works))

    return asyncio.run(convert())


def test_equal_conversions_run_once_even_at_the_same_time(engine):
    run = Runs()
    made = all_of(engine, *(work(run, name=name) for name in "abc"))
    assert run.count == 1
    assert {result for results in made for result in results} == set(made[0])
    assert made[0][0].size == 4


@pytest.mark.parametrize(
    "other", [{"content": "x"}, {"Quality": 1}, {"name": "b", "uses_names": True}]
)
def test_unequal_conversions_run_each(engine, other):
    run = Runs()
    base = {"uses_names": True} if "uses_names" in other else {}
    all_of(engine, work(run, **base), work(run, **other))
    assert run.count == 2


def test_a_failure_is_not_remembered(engine, tmp_path):
    run = Runs(failures=1)
    with pytest.raises(ApiError):
        all_of(engine, work(run))
    assert list(tmp_path.iterdir()) == []
    assert all_of(engine, work(run))[0][0].path.read_text() == "made"


def test_the_oldest_results_are_forgotten(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(engine_module, "_MAX_REMEMBERED", 2)
    run = Runs()
    for content in "abca":
        all_of(engine, work(run, content))
    assert run.count == 4
    assert len(list(tmp_path.iterdir())) == 2


def test_what_nobody_has_taken_yet_is_not_forgotten(engine, monkeypatch):
    """More at once than are remembered: each finds its files when its turn has come."""
    monkeypatch.setattr(engine_module, "_MAX_REMEMBERED", 2)

    async def convert_and_take(one):
        (made,) = await engine.convert(one)
        return made.path.read_text()

    async def convert():
        works = [work(Runs(), content=str(number)) for number in range(50)]
        return await asyncio.gather(*map(convert_and_take, works))

    assert asyncio.run(convert()) == ["made"] * 50
