"""``conveyor doctor --live``: a run against the service, printed as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import typer

from conveyor.cli import console, json_lines
from conveyor.cli.asking import confirm
from conveyor.cli.console import Column
from conveyor.cli.failures import Interrupted
from conveyor.cli.text import count
from conveyor.cli.wishes import Wishes
from conveyor.domain import rules
from conveyor.errors import InvalidRequest, SettingsError
from conveyor.live import (
    MOST_SPENT,
    Credential,
    Inquiry,
    Limits,
    Listener,
    Report,
    Verdict,
    inquire,
    is_accepted,
    port_of,
)
from conveyor.live.recording import RecordingError, check_target, save
from conveyor.live.settings import LiveSettings
from conveyor.loopback import is_loopback
from conveyor.settings import load

__all__ = ["examine_service"]

_HEADER: Final = (
    Column("verdict"),
    Column("fact", least=12),
    Column("source", rank=1),
    Column("what was found", least=30, folds=True),
)


def examine_service(wishes: Wishes, *, yes: bool, as_json: bool) -> None:
    """Try the facts against the service, print what was found, write the recording.

    Args:
        wishes: The command's options.
        yes: Whether nobody is asked before conversions are spent.
        as_json: Whether JSON is printed.

    Raises:
        SettingsError: A setting is missing or wrong.
        InvalidRequest: So much can't be spent, the recording can't be written, or no webhook can
            be awaited.
        Interrupted: The user pressed Ctrl-C; what was seen is recorded.
        Exit: Something does not hold.
    """
    if wishes.spend > MOST_SPENT:
        raise InvalidRequest(f"--spend is wrong: it must be at most {MOST_SPENT}.")
    settings = load(LiveSettings)
    credential = _credential(settings)
    _check_host(settings)
    target = wishes.record or Path(f"conveyor-live-{datetime.now(UTC):%Y%m%d-%H%M%S}.json")
    with _readable():
        check_target(target, force=wishes.force)
    with _listening(wishes) as listener:
        if wishes.spend:
            confirm(_question(wishes.spend, settings), yes=yes)
        report = inquire(
            Inquiry(
                base_url=settings.api_url,
                credential=credential,
                spend=wishes.spend,
                limits=Limits(spacing=settings.poll_spacing_seconds),
                proxy=settings.api_proxy,
                listener=listener,
            )
        )
    _show(report, target, as_json=as_json)
    with _readable():
        save(report.recording, target, force=wishes.force)
    _end(report, target)


def _credential(settings: LiveSettings) -> Credential:
    secret = settings.secret
    return Credential(secret, settings.api_master_token.get_secret_value().strip() or secret)


def _check_host(settings: LiveSettings) -> None:
    if not is_accepted(settings.api_url):
        raise SettingsError(
            f"CONVEYOR_API_URL is wrong: set it to {rules.DEFAULT_URL}, to one of its regions, or "
            "to a service on this machine"
        )
    if settings.poll_spacing_seconds < rules.LEAST_SPACING_S and not _is_here(settings.api_url):
        raise SettingsError(
            f"CONVEYOR_POLL_SPACING_SECONDS is {settings.poll_spacing_seconds:g}, and "
            "ConvertAPI wants 5 s between two polls: set 5 or more"
        )


def _is_here(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")


@contextmanager
def _listening(wishes: Wishes) -> Iterator[Listener | None]:
    if not wishes.webhook:
        yield None
        return
    own = port_of(wishes.webhook)
    port = wishes.listen or own
    if port is None:
        raise InvalidRequest(
            "--webhook needs --listen. Add the port on this machine where calls arrive."
        )
    with Listener(wishes.webhook, port) as listener:
        yield listener


@contextmanager
def _readable() -> Iterator[None]:
    """A recording's troubles as the command line has them."""
    try:
        yield
    except RecordingError as error:
        raise InvalidRequest(str(error)) from None


def _question(spend: int, settings: LiveSettings) -> str:
    host = urlsplit(settings.api_url).hostname
    return f"Spend up to {count(spend, 'conversion')} of your account at {host}?"


def _show(report: Report, target: Path, *, as_json: bool) -> None:
    if as_json:
        json_lines.put(_as_json(report, target))
        return
    rows = [
        (finding.verdict.value, fact.id, fact.source, f"{fact.sentence} {finding.evidence}")
        for fact, finding in report.findings
    ]
    console.show_rows(console.stdout(), _HEADER, rows)


def _as_json(report: Report, target: Path) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "allowed": report.allowed,
        "spent": report.spent,
        "recording": str(target),
        "facts": [
            {
                "id": fact.id,
                "sentence": fact.sentence,
                "source": fact.source,
                "spend": fact.spend,
                "verdict": finding.verdict.value,
                "evidence": finding.evidence,
                "value": finding.value,
            }
            for fact, finding in report.findings
        ],
    }


def _end(report: Report, target: Path) -> None:
    console.note(_summary(report, target))
    if report.interrupted:
        raise Interrupted(f"interrupted. What was recorded so far is in {target}.")
    if not report.ok:
        raise typer.Exit(1)


def _summary(report: Report, target: Path) -> str:
    verdicts = Counter(finding.verdict for _, finding in report.findings)
    return (
        f"{verdicts[Verdict.HOLDS]} hold, {verdicts[Verdict.DOES_NOT_HOLD]} do not, "
        f"{verdicts[Verdict.COULD_NOT_TELL]} could not be decided. "
        f"{count(report.spent, 'conversion')} spent. Recording: {target}"
    )
