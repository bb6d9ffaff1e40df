"""A pytest plugin that writes down what each test runs, and how long it takes.

Load it with ``-p mutants.recorder``. It writes into the file that ``MUTANTS_RECORD`` names.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import coverage
import pytest

from mutants.seen import IMPORT, Seen

__all__: list[str] = []

_PACKAGES: Final = ("conveyor", "tasks", "workers")


class Recorder:
    """Watches a run.

    Args:
        record: The file to write.
        root: The tree.
    """

    def __init__(self, record: Path, root: Path) -> None:
        self._record = record
        self._root = root
        self._scripts: set[str] = set()
        self._seen: dict[str, Seen] = {}
        self._failed: set[str] = set()
        self._setup_s = 0.0
        self._coverage = coverage.Coverage(
            data_file=None, config_file=False, source=[str(root / name) for name in _PACKAGES]
        )
        self._coverage.start()
        self._watch_scripts()

    def _watch_scripts(self) -> None:
        """Note the name of each script that is sent to Redis."""
        from redis.client import Pipeline, Redis  # noqa: PLC0415  # because it runs under coverage
        from redis.commands.core import Script  # noqa: PLC0415  # because it runs under coverage

        names = {}
        made = Script.__init__

        def make(script: Any, client: Any, text: Any) -> None:
            made(script, client, text)
            names[script.sha] = text

        def watch(kind: type[Any]) -> None:
            sent = kind.execute_command

            def send(client: Any, *args: Any, **options: Any) -> Any:
                if args[0] == "EVALSHA" and args[1] in names:
                    self._scripts.add(names[args[1]])
                return sent(client, *args, **options)

            kind.execute_command = send

        setattr(Script, "__init__", make)  # noqa: B010  # because mypy forbids the assignment
        for kind in (Redis, Pipeline):
            watch(kind)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, bool, bool]:
        """Note what a test runs."""
        self._scripts.clear()
        self._setup_s = 0.0
        self._coverage.switch_context(item.nodeid)
        began = time.monotonic()
        try:
            return (yield)
        finally:
            seconds = time.monotonic() - began
            self._coverage.switch_context("")
            scripts = sorted(self._names_of_scripts())
            self._seen[item.nodeid] = Seen(seconds, self._setup_s, {}, scripts)

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how long a test was prepared, and whether it passed."""
        if report.when == "setup":
            self._setup_s = report.duration
        if not report.passed:
            self._failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write it all down."""
        self._coverage.stop()
        data, imported = self._coverage.get_data(), Seen(0.0, 0.0, {}, [])
        for file in data.measured_files():
            path = Path(file).relative_to(self._root).as_posix()
            for line, contexts in data.contexts_by_lineno(file).items():
                for context in contexts:
                    if context in self._seen or not context:
                        lines = (self._seen[context] if context else imported).lines
                        lines[path] = f"{int(lines.get(path, '0'), 16) | 1 << line:x}"
        if self._seen:
            self._seen[f"{next(iter(self._seen)).partition('::')[0]}{IMPORT}"] = imported
        passed = {
            name: asdict(seen) for name, seen in self._seen.items() if name not in self._failed
        }
        self._record.write_text(json.dumps(passed))

    def _names_of_scripts(self) -> set[str]:
        """The scripts, each known by its first line: a test may send one with another clock."""
        firsts = {
            path.stem: path.read_text().partition("\n")[0]
            for path in (self._root / "conveyor").rglob("*.lua")
        }
        return {name for name, first in firsts.items() for sent in self._scripts if first in sent}


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Begin to watch, before any module of the project is imported: a conftest imports many."""
    recorder = Recorder(Path(os.environ["MUTANTS_RECORD"]), early_config.rootpath)
    early_config.pluginmanager.register(recorder)
