"""One run against the service: ask, judge, record. Ctrl-C ends it early and cleanly."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from conveyor.live import recording
from conveyor.live.budget import Budget
from conveyor.live.facts import FACTS
from conveyor.live.findings import UNASKED, Fact, Finding, Verdict, could_not_tell
from conveyor.live.free import Uploads
from conveyor.live.hosts import shown_host
from conveyor.live.listener import Listener
from conveyor.live.paid import Operator
from conveyor.live.plan import Plan
from conveyor.live.polling import Limits
from conveyor.live.recording import Recording
from conveyor.live.scene import Scene
from conveyor.live.service import Credential, Service, TimeUp
from conveyor.live.tape import Tape
from conveyor.live.traits import traits_of
from conveyor.live.wire import Wire

__all__ = ["Inquiry", "Report", "inquire"]

_FREE_S: Final = 300.0
_EACH_S: Final = 240.0
_EXCHANGE_S: Final = 30.0


@dataclass(frozen=True, kw_only=True)
class Inquiry:
    """What a run needs to know.

    Attributes:
        base_url: The service's address, one that may be asked.
        credential: Opens the account.
        spend: Conversions that may be paid for.
        limits: Bounds of the jobs.
        proxy: An http proxy to go through, empty for none.
        listener: Waits for webhooks; None where none can come.
        exchange_s: Seconds for one exchange. A held poll, and a semi-asynchronous conversion, fit.
    """

    base_url: str
    credential: Credential
    spend: int = 0
    limits: Limits = field(default_factory=Limits)
    proxy: str = ""
    listener: Listener | None = None
    exchange_s: float = _EXCHANGE_S


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a run found.

    Attributes:
        findings: By fact, in order.
        allowed: Conversions that it could spend.
        spent: Conversions that may have been charged.
        interrupted: Whether Ctrl-C ended it.
        recording: What to write.
    """

    findings: tuple[tuple[Fact, Finding], ...]
    allowed: int
    spent: int
    interrupted: bool
    recording: Recording

    @property
    def ok(self) -> bool:
        """Whether nothing was found not to hold."""
        return all(one.verdict is not Verdict.DOES_NOT_HOLD for _, one in self.findings)


def inquire(inquiry: Inquiry) -> Report:
    """Try every fact that the budget allows. Whatever fails, a report comes of it.

    Args:
        inquiry: What it needs to know.
    """
    credential = inquiry.credential
    scene = Scene(
        base_url=inquiry.base_url,
        has_listener=inquiry.listener is not None,
    )
    tape, budget = Tape((credential.bearer, credential.reader)), Budget(inquiry.spend)
    if inquiry.listener is not None:
        tape.note_id(inquiry.listener.url, "path")
    deadline = time.monotonic() + _FREE_S + _EACH_S * inquiry.spend
    wire = Wire(inquiry.exchange_s, inquiry.proxy)
    service = Service(
        scene, wire=wire, budget=budget, tape=tape, credential=credential, deadline=deadline
    )
    interrupted = _run(service, inquiry)
    return _report(inquiry, service, interrupted=interrupted)


def _run(service: Service, inquiry: Inquiry) -> bool:
    uploads = Uploads(service)
    operator = Operator(service, uploads, inquiry.limits, inquiry.listener)
    try:
        Plan(service, operator, uploads).run()
    except TimeUp:
        service.scene.blocked = "The run took as long as it may."
    except KeyboardInterrupt:
        service.scene.blocked = "Interrupted."
        return True
    except Exception as error:  # noqa: BLE001 - what was paid for is not lost with a bug of ours
        service.scene.blocked = f"The run broke off ({type(error).__name__}): please report it."
    return False


def _report(inquiry: Inquiry, service: Service, *, interrupted: bool) -> Report:
    budget = service.budget
    findings = tuple((fact, _finding(fact, service.scene, budget)) for fact in FACTS)
    return Report(
        findings=findings,
        allowed=budget.allowed,
        spent=budget.spent,
        interrupted=interrupted,
        recording=Recording(
            recorded_on=datetime.now(UTC).date().isoformat(),
            host=shown_host(inquiry.base_url),
            allowed=budget.allowed,
            spent=budget.spent,
            facts=tuple(_written(findings)),
            traits=traits_of({fact.id: finding for fact, finding in findings}),
            exchanges=service.tape.redacted(),
        ),
    )


def _finding(fact: Fact, scene: Scene, budget: Budget) -> Finding:
    try:
        finding = fact.check(scene)
    except Exception as error:  # noqa: BLE001 - one odd answer harms no other fact
        return could_not_tell(f"It could not be judged ({type(error).__name__}): please report it.")
    if finding is not UNASKED:
        return finding
    if fact.spend > budget.allowed:
        return could_not_tell(f"It needs --spend {fact.spend}.")
    return could_not_tell(scene.blocked or "What it builds on did not come.")


def _written(findings: Iterable[tuple[Fact, Finding]]) -> Iterable[recording.Fact]:
    for fact, finding in findings:
        yield recording.Fact(
            id=fact.id,
            sentence=fact.sentence,
            verdict=finding.verdict.value,
            evidence=finding.evidence,
        )
