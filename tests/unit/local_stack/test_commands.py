from __future__ import annotations

from local_stack import commands


def test_worker_has_its_node_name_and_consumes_the_queues_of_its_settings() -> None:
    command = commands.worker("worker-1@localhost")

    assert command[command.index("-n") + 1] == "worker-1@localhost"
    assert "-Q" not in command


def test_flower_listens_on_loopback_alone() -> None:
    assert {"--address=127.0.0.1", "--port=5555"} <= set(commands.flower(5555))


def test_sandbox_takes_options_after_its_own() -> None:
    command = commands.sandbox(8090, "word", 0.2, ["--duration", "1"])

    assert command[1:] == (
        *("-m", "convertapi_sandbox", "--port", "8090", "--secret", "word", "--spacing", "0.2"),
        *("--duration", "1"),
    )


def test_a_worker_of_another_application_is_started_by_celery() -> None:
    command = commands.worker_of("chaos.worker_app", "worker-1@localhost")

    assert command[1:5] == ("-m", "celery", "-A", "chaos.worker_app")
    assert command[command.index("-n") + 1] == "worker-1@localhost"
