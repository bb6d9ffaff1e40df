from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conveyor import State
from local_stack import Child, LocalStack, StartError
from local_stack import stack as stack_module


@pytest.fixture(scope="module")
def stack(programs_are_executed: None) -> Iterator[LocalStack]:
    with LocalStack(workers=2, concurrency=2, flower=True, web=True, webhooks=True) as running:
        yield running


def test_every_part_runs(stack: LocalStack) -> None:
    names = [child.name for child in stack.processes()]

    assert names == ["valkey", "sandbox", "worker-1", "worker-2", "web", "flower"]
    assert all(child.is_running for child in stack.processes())


def test_a_document_is_converted(stack: LocalStack) -> None:
    source = stack.directory / "note.md"
    source.write_text("# A note\n\nWith a sentence.\n")

    with closing(stack.conveyor()) as conveyor:
        done = conveyor.convert(source, to="pdf").wait(timeout=90)
        pdf = b"".join(conveyor.storage.read(done.files[0].uri))

    assert done.state is State.SUCCEEDED
    assert pdf.startswith(b"%PDF-")


def test_workers_have_the_size_that_was_asked_for(stack: LocalStack) -> None:
    with closing(stack.conveyor()) as conveyor:
        nodes = ["worker-1@localhost", "worker-2@localhost"]
        stats = conveyor.celery_app.control.inspect(nodes, timeout=30).stats()

    sizes = {node: stat["pool"]["max-concurrency"] for node, stat in stats.items()}
    assert sizes == {"worker-1@localhost": 2, "worker-2@localhost": 2}


def test_a_killed_worker_can_be_started_again(stack: LocalStack) -> None:
    worker = stack.workers[1]
    pid = worker.pid

    worker.kill()
    stack.start_worker(worker)

    assert worker.is_running
    assert worker.pid != pid


@pytest.mark.parametrize("part", ["flower", "web"])
def test_page_and_docs_answer(stack: LocalStack, part: str) -> None:
    address = urlsplit(getattr(stack, f"{part}_url")).netloc
    with closing(HTTPConnection(address, timeout=30)) as connection:
        connection.request("GET", "/")

        assert connection.getresponse().status == 200


@pytest.mark.parametrize("part", ["flower", "web", "sandbox"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "rebound.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_website_orders_nothing_on_this_machine(
    stack: LocalStack, part: str, headers: dict[str, str]
) -> None:
    orders = {
        "flower": "/api/task/revoke/a?terminate=true",
        "web": "/conversions",
        "sandbox": f"/upload?Secret=sandbox&Url={stack.web_url}/fleet",
    }
    address = urlsplit(getattr(stack, f"{part}_url")).netloc
    with closing(HTTPConnection(address, timeout=30)) as connection:
        connection.request("POST", orders[part], headers=headers)
        answer = connection.getresponse()

        assert (answer.status, answer.read().count(b"\n") <= 1) == (403, True)


def test_programs_on_this_machine_use_flower_as_before(stack: LocalStack) -> None:
    for method, path in (("GET", "/workers"), ("GET", "/metrics"), ("GET", "/static/nothing")):
        with closing(HTTPConnection(urlsplit(stack.flower_url).netloc, timeout=30)) as connection:
            connection.request(method, path)

            assert connection.getresponse().status in (200, 404)


def test_the_web_process_holds_no_secret_of_the_account(stack: LocalStack) -> None:
    assert stack.web is not None
    environment = Path(f"/proc/{stack.web.pid}/environ")
    if not environment.exists():
        pytest.skip("only Linux shows a process's environment")

    assert b"CONVEYOR_WEBHOOK_KEY" in environment.read_bytes()
    assert b"API_SECRET" not in environment.read_bytes()


def test_a_killed_web_process_can_be_started_again(stack: LocalStack) -> None:
    assert stack.web is not None
    pid = stack.web.pid

    stack.web.kill()
    stack.start_web()

    assert stack.web.pid != pid


def test_a_stack_without_a_web_process_starts_none(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="web=True"):
        LocalStack(directory=tmp_path).start_web()


def test_everything_ends_and_the_folder_goes(tmp_path: Path) -> None:
    with LocalStack() as stack:
        pids = [child.pid for child in stack.processes()]

    assert not [pid for pid in pids if is_alive(pid)]
    assert [child.exit_status for child in stack.workers] == [0]
    assert not stack.directory.exists()


def test_a_failing_start_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    stack = LocalStack(settings={"POLL_SPACING_SECONDS": "soon"}, directory=tmp_path)

    with pytest.raises(StartError, match="CONVEYOR_POLL_SPACING_SECONDS is wrong"), stack:
        pass

    assert not [child for child in stack.processes() if child.is_running]


def test_an_interrupted_start_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_child: Child, *_args: object) -> None:
        raise KeyboardInterrupt

    stack = LocalStack(directory=tmp_path)
    monkeypatch.setattr(stack_module.LocalStack, "_wait_worker", interrupt)

    with pytest.raises(KeyboardInterrupt), stack:
        pass

    assert not [child for child in stack.processes() if child.is_running]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
