from __future__ import annotations

from workers.local.environment import ROOT, child_environment


def test_settings_of_ours_replace_all_inherited_ones() -> None:
    inherited = {"CONVEYOR_API_URL": "https://v2.convertapi.com", "CONVEYOR_POOL": "prefork"}

    environment = child_environment({"API_URL": "http://127.0.0.1:1"}, inherited)

    assert environment["CONVEYOR_API_URL"] == "http://127.0.0.1:1"
    assert "CONVEYOR_POOL" not in environment


def test_settings_of_other_programs_are_not_inherited() -> None:
    foreign = {
        "CELERY_BROKER_URL": "redis://elsewhere",
        "CONVERTAPI_SANDBOX_HOSTS": "elsewhere",
        "FLOWER_PORT": "1",
    }
    inherited = {**foreign, "PATH": "/bin"}

    environment = child_environment({}, inherited)

    assert environment["PATH"] == "/bin"
    assert not foreign.keys() & environment.keys()


def test_no_proxy_stands_between_the_workers_and_the_sandbox() -> None:
    environment = child_environment({}, {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": ""})

    assert environment["NO_PROXY"] == environment["no_proxy"] == "127.0.0.1"


def test_children_are_started_where_the_packages_lie() -> None:
    assert (ROOT / "workers" / "local").is_dir()
    assert (ROOT / "pyproject.toml").is_file()
