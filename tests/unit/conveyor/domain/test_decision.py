"""The protocol's tables, as tables."""

from __future__ import annotations

import pytest

from conveyor.domain.answers import (
    Busy,
    Failed,
    Finished,
    InProgress,
    Lost,
    NotFound,
    RemoteFile,
    Result,
    Started,
    Throttled,
    Unreadable,
    Unsent,
)
from conveyor.domain.conversion import Failure, FailureKind, Reason
from conveyor.domain.decision import after_poll, after_submit
from conveyor.domain.failures import failure_of
from conveyor.domain.giving_up import held_too_long, waited_too_long
from conveyor.domain.next_steps import AskFirst, Bury, Expire, Hold, Limits, PollAgain, SubmitAgain
from conveyor.reasons import usual_reason

RESULT = Result(1, (RemoteFile("a.pdf", "https://v2.convertapi.com/d/x", 3),))
LIMITS = Limits(submits=3, consecutive_failures=4, submit_s=600.0)
NOW = 1_000_000.0
# A second 404, two minutes after the POST had ended in the dark.
PROVED = {"missing": 1, "unclear": "gateway", "unclear_at": NOW - 120.0}
REFUSAL = Failure(FailureKind.INPUT, "JobId is already in use.", 4000, 409)


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        pytest.param(Started("j"), Started("j"), id="200 with a JobId"),
        pytest.param(Finished(RESULT), Finished(RESULT), id="200 with the result"),
        pytest.param(
            Lost("cut"), AskFirst("the answer to the submit was lost: cut"), id="answer lost"
        ),
        pytest.param(
            Lost("cut", closed_at_once=True),
            AskFirst("the answer to the submit was lost: cut", closed_at_once=True),
            id="closed at once",
        ),
        pytest.param(
            Lost("a proxy answered with HTTP 409", 409),
            AskFirst("the answer to the submit was lost: a proxy answered with HTTP 409"),
            id="409 to the first submit",
        ),
        pytest.param(Throttled(), SubmitAgain("ConvertAPI is throttling"), id="503"),
        pytest.param(
            Unsent("no connection"),
            SubmitAgain("ConvertAPI can't be reached: no connection"),
            id="no connection",
        ),
    ],
)
def test_after_a_submit(answer, decision, entry_of):
    assert after_submit(answer, entry_of(), LIMITS) == decision


@pytest.mark.parametrize(
    ("answer", "kind", "status", "code"),
    [
        pytest.param(Failed(400, 4000, "Bad."), FailureKind.INPUT, 400, 4000, id="400"),
        pytest.param(Failed(500, 5001, "Broke."), FailureKind.SERVICE, 500, 5001, id="500"),
        pytest.param(NotFound("Not here."), FailureKind.INPUT, 404, 0, id="404"),
        pytest.param(NotFound(), FailureKind.INPUT, 404, 0, id="404 without a word"),
    ],
)
def test_a_refused_submit_is_buried_immediately(answer, kind, status, code, entry_of):
    decision = after_submit(answer, entry_of(), LIMITS)

    assert isinstance(decision, Bury)
    failure = decision.failure
    assert (failure.kind, failure.status, failure.code) == (kind, status, code)
    said = answer.message.rstrip(".") or "there is no such address at the service"
    assert failure.message.startswith(f"{said}. ")


@pytest.mark.parametrize(
    "answer",
    [Failed(401, 4013, "Who?"), Failed(401, 4014, "No credits."), Failed(403, 0, "No.")],
    ids=["credentials", "balance", "forbidden"],
)
@pytest.mark.parametrize("age_s", [0, 599, 1e9])
def test_an_account_that_can_not_submit_holds_and_burns_nothing(answer, age_s, entry_of):
    """However long it lasts: it is not the conversion's fault, and the operator can end it."""
    decision = after_submit(answer, entry_of(seen_at=NOW + age_s), LIMITS)

    assert isinstance(decision, Hold)
    assert decision.failure.kind is FailureKind.ACCOUNT


def test_a_probe_that_is_refused_after_a_hold_of_a_week_ends_its_conversion(entry_of):
    """It may be the probe each time it comes: then it never waits outside, where others end."""
    limits = Limits(hold_s=600.0)
    held = entry_of(held_at=NOW - 599, seen_at=NOW)
    held_too_long = entry_of(held_at=NOW - 600, seen_at=NOW)

    assert isinstance(after_submit(Failed(403, 0, "No."), held, limits), Hold)
    decision = after_submit(Failed(403, 0, "No."), held_too_long, limits)
    assert isinstance(decision, Bury)
    assert decision.failure.kind is FailureKind.ACCOUNT
    assert decision.failure.reason is Reason.CREDENTIALS
    assert "Nothing was paid" in decision.failure.message


@pytest.mark.parametrize(
    ("held_s", "waited_s", "is_over"),
    [(599, 599, False), (600, 0, True), (0, 600, True)],
    ids=["neither", "held", "waited for a job"],
)
def test_wait_for_an_account_is_over_after_its_time_on_hold_or_in_the_queue(
    held_s, waited_s, is_over, entry_of
):
    entry = entry_of(held_at=NOW - held_s, created_at=NOW - waited_s)

    assert (held_too_long(entry, "no credits", Limits(hold_s=600.0)) is not None) == is_over


def test_a_wait_that_is_over_says_how_long_it_was_and_why(entry_of):
    entry = entry_of(created_at=0.0)

    assert held_too_long(entry, "no credits", Limits()).message.startswith(
        "Not submitted in 7.0 days: no credits. "
    )
    assert waited_too_long(entry, "no connection", Limits()).message.startswith(
        "Not submitted in 2.0 h: no connection. "
    )


@pytest.mark.parametrize("answer", [Throttled(), Unsent("away")], ids=["503", "no connection"])
@pytest.mark.parametrize(
    ("age_s", "goes_on"), [(599.0, True), (600.0, False)], ids=["young", "too old"]
)
@pytest.mark.parametrize("submits", [0, 99])
def test_unstarted_conversion_is_given_up_by_age_and_never_by_count(
    answer, age_s, goes_on, submits, entry_of
):
    decision = after_submit(answer, entry_of(submits=submits, seen_at=NOW + age_s), LIMITS)

    assert isinstance(decision, SubmitAgain if goes_on else Bury)
    if isinstance(decision, Bury):
        assert decision.failure.kind is FailureKind.SERVICE
        assert decision.failure.reason is Reason.WAITED_TOO_LONG
        assert "Nothing was paid" in decision.failure.message


def test_lost_answer_that_speaks_of_a_result_is_never_followed_by_another_submit(entry_of):
    asked = after_submit(Lost("cut", paid=True), entry_of(submits=1), LIMITS)
    never_found = after_poll(NotFound(), entry_of(refusal=asked.refusal, **PROVED), LIMITS)

    assert isinstance(asked, AskFirst)
    assert isinstance(never_found, Bury)
    assert never_found.failure.kind is FailureKind.UNREADABLE
    assert never_found.failure.reason is Reason.UNREADABLE
    assert never_found.cost == 1
    assert "can't be read: cut." in never_found.failure.message
    assert never_found.failure.answer == ""


@pytest.mark.parametrize(("consecutive_failures", "decision"), [(5, PollAgain), (6, Bury)])
def test_a_result_that_breaks_off_is_not_asked_for_a_hundred_times(
    consecutive_failures, decision, entry_of
):
    made = after_poll(
        Lost("cut", paid=True),
        entry_of(confirmed=True, consecutive_failures=consecutive_failures),
        Limits(),
    )

    assert isinstance(made, decision)
    if isinstance(made, Bury):
        assert made.failure.kind is FailureKind.UNREADABLE
        assert "can't be read: cut." in made.failure.message


@pytest.mark.parametrize("submits", [1, 3, 99])
def test_a_lost_answer_is_never_followed_by_a_second_payment(submits, entry_of):
    assert isinstance(
        after_submit(Lost("cut"), entry_of(submits=submits, seen_at=NOW + 1e9), LIMITS), AskFirst
    )


@pytest.mark.parametrize("confirmed", [False, True], ids=["never seen", "confirmed"])
@pytest.mark.parametrize("consecutive_failures", [0, 4, 999])
@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        pytest.param(Finished(RESULT), Finished(RESULT), id="200"),
        pytest.param(InProgress(), PollAgain(confirmed=True, failed=False), id="202"),
        pytest.param(
            Busy(), PollAgain(confirmed=False, failed=False, note="ConvertAPI was busy"), id="503"
        ),
    ],
)
def test_after_a_poll_that_says_something(
    answer, decision, confirmed, consecutive_failures, entry_of
):
    assert (
        after_poll(
            answer,
            entry_of(confirmed=confirmed, consecutive_failures=consecutive_failures),
            LIMITS,
        )
        == decision
    )


@pytest.mark.parametrize(
    ("confirmed", "submits", "decision", "kind"),
    [
        pytest.param(False, 1, SubmitAgain, None, id="never seen, submitted once"),
        pytest.param(False, 2, SubmitAgain, None, id="never seen, submitted twice"),
        pytest.param(False, 3, Bury, FailureKind.SERVICE, id="never seen, as often as allowed"),
        pytest.param(False, 9, Bury, FailureKind.SERVICE, id="never seen, more often"),
        pytest.param(True, 1, Expire, FailureKind.EXPIRED, id="seen alive"),
        pytest.param(True, 9, Expire, FailureKind.EXPIRED, id="seen alive, submitted often"),
    ],
)
def test_404_resubmits_only_unconfirmed_jobs(confirmed, submits, decision, kind, entry_of):
    made = after_poll(NotFound(), entry_of(confirmed=confirmed, submits=submits, **PROVED), LIMITS)

    assert isinstance(made, decision)
    if kind is not None:
        assert made.failure.kind is kind
        assert made.failure.reason is usual_reason(kind)
        assert made.failure.status == 404


@pytest.mark.parametrize(
    ("may_repay", "submits", "decision"),
    [(False, 1, Bury), (True, 1, SubmitAgain), (True, 3, Bury)],
    ids=["as it is", "allowed", "allowed, as often as it may be"],
)
def test_where_our_ids_mean_nothing_a_404_permits_no_second_payment(
    may_repay, submits, decision, entry_of
):
    """The service uses ids of its own: nobody can tell whether the lost submit was paid."""
    limits = Limits(submits=3, may_repay=may_repay)
    made = after_poll(NotFound(), entry_of(foreign_ids=True, submits=submits, **PROVED), limits)

    assert isinstance(made, decision)
    if not may_repay:
        assert made.failure.kind is FailureKind.POSSIBLY_PAID


@pytest.mark.parametrize("confirmed", [False, True], ids=["never seen", "confirmed"])
@pytest.mark.parametrize(
    ("answer", "status"),
    [(Lost("cut", 502), 502), (Lost("cut"), 0), (Unsent("away"), 0)],
    ids=["a proxy's page", "cut", "no connection"],
)
@pytest.mark.parametrize(
    ("consecutive_failures", "goes_on"), [(0, True), (3, True), (4, False), (9, False)]
)
def test_silence_is_borne_a_bounded_number_of_times(
    *, answer, status, confirmed, consecutive_failures, goes_on, entry_of
):
    made = after_poll(
        answer, entry_of(confirmed=confirmed, consecutive_failures=consecutive_failures), LIMITS
    )

    if goes_on:
        assert isinstance(made, PollAgain)
        assert (made.confirmed, made.failed) == (False, True)
        assert answer.reason in made.note
    else:
        assert isinstance(made, Bury)
        assert made.failure.kind is FailureKind.POSSIBLY_PAID
        assert made.failure.reason is Reason.POSSIBLY_PAID
        assert made.failure.status == status
        assert f"{consecutive_failures + 1} polls in a row" in made.failure.message


@pytest.mark.parametrize("confirmed", [False, True], ids=["never seen", "confirmed"])
def test_an_error_of_the_service_ends_the_job(confirmed, entry_of):
    made = after_poll(
        Failed(500, 5001, "Conversion failed."), entry_of(confirmed=confirmed), LIMITS
    )

    assert isinstance(made, Bury)
    assert (made.failure.code, made.failure.status) == (5001, 500)


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason", "cure"),
    [
        (400, 4000, "input", "parameters", "Check the document and the parameters."),
        (400, 4002, "input", "refused", "Check the document and the parameters."),
        (401, 4010, "account", "credentials", "Check CONVEYOR_API_SECRET"),
        (401, 4013, "account", "credentials", "Check CONVEYOR_API_SECRET"),
        (401, 4017, "account", "credentials", "Check CONVEYOR_API_SECRET"),
        (402, 4013, "account", "credentials", "Check CONVEYOR_API_SECRET"),
        (500, 4012, "account", "credentials", "Check CONVEYOR_API_SECRET"),
        (401, 0, "account", "credentials", "Check CONVEYOR_API_SECRET"),
        (401, 5003, "account", "credentials", "protected"),
        (402, 0, "account", "no_balance", "Check CONVEYOR_API_SECRET"),
        (403, 0, "account", "credentials", "Check CONVEYOR_API_SECRET"),
        (401, 4014, "account", "no_balance", "Buy conversions"),
        (413, 0, "input", "too_large", "Check the document and the parameters."),
        (413, 413, "input", "too_large", "Check the document and the parameters."),
        (415, 0, "input", "unsupported", "Choose another target format."),
        (415, 415, "input", "unsupported", "Choose another target format."),
        (404, 0, "input", "refused", "Check the document and the parameters."),
        (500, 5000, "service", "took_too_long", "longer Timeout"),
        (500, 5001, "service", "conversion_failed", "Replay it later."),
        (500, 5002, "input", "damaged", "damaged"),
        (400, 5002, "input", "damaged", "damaged"),
        (500, 5003, "input", "password", "Password"),
        (500, 5004, "input", "nothing_found", "Check the document and the parameters."),
        (500, 50013, "input", "nothing_found", "Check the document and the parameters."),
        (500, 50020, "input", "nothing_found", "Check the document and the parameters."),
        (500, 5008, "input", "unreachable", "200 without a login"),
        (500, 5009, "input", "missing", "older than three hours"),
        (404, 5009, "input", "missing", "older than three hours"),
        (500, 50010, "service", "service", "Replay it later."),
        (503, 50050, "service", "service", "Replay it later."),
        (500, 0, "service", "service", "Replay it later."),
        (418, 0, "input", "refused", "Check the document and the parameters."),
    ],
)
def test_a_failure_is_classed_has_a_reason_and_says_the_cure(status, code, kind, reason, cure):
    failure = failure_of(Failed(status, code, "It was so."))

    assert (failure.kind, failure.reason) == (FailureKind(kind), Reason(reason))
    assert (failure.status, failure.code) == (status, code)
    assert failure.message.startswith("It was so. ")
    assert cure in failure.message


@pytest.mark.parametrize("status", [400, 500])
def test_codes_with_changed_meaning_decide_nothing(status):
    failures = [failure_of(Failed(status, code, "")) for code in (0, 5005, 5006, 5007)]

    assert len({(failure.kind, failure.reason) for failure in failures}) == 1


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Two\r\n lines ", "Two lines. "),
        ("Ends so...", "Ends so. "),
        ("", "HTTP 500. "),
        (" \n", "HTTP 500. "),
    ],
    ids=["lines", "dots", "nothing", "blanks"],
)
def test_a_failure_is_one_line(said, shown):
    message = failure_of(Failed(500, 5001, said)).message

    assert message == f"{shown}Replay it later."


# -- pay once ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "unclear", "ago_s", "proof"),
    [
        pytest.param(0, "gateway", 500.0, False, id="the first 404, however late"),
        pytest.param(
            1, "gateway", 119.0, False, id="the second, while a gateway may hold the POST"
        ),
        pytest.param(9, "gateway", 119.0, False, id="the tenth, as early"),
        pytest.param(1, "gateway", 120.0, True, id="the second, late enough"),
        pytest.param(1, "closed", 14.0, False, id="closed at once, too early"),
        pytest.param(1, "closed", 15.0, True, id="closed at once"),
    ],
)
def test_a_404_is_a_proof_only_as_the_second_and_late_enough(
    missing, unclear, ago_s, proof, entry_of
):
    entry = entry_of(missing=missing, unclear=unclear, unclear_at=NOW - ago_s)

    made = after_poll(NotFound(), entry, LIMITS)

    assert isinstance(made, SubmitAgain if proof else PollAgain)
    assert proof or made.missing


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"unclear": "gateway", "unclear_at": NOW - 50.0, "missing_at": NOW}, 70.0),
        ({"unclear": "closed", "unclear_at": NOW - 5.0}, 10.0),
        ({"unclear": "gateway", "unclear_at": NOW - 500.0}, 0.0),
        ({"missing_at": NOW - 50.0}, 70.0),
        ({"confirmed": True, "unclear": "gateway", "unclear_at": NOW}, 0.0),
    ],
    ids=["gateway", "closed", "the first 404, late", "the poster died", "confirmed"],
)
def test_a_404_that_proves_nothing_says_when_one_would(fields, seconds, entry_of):
    made = after_poll(NotFound(), entry_of(**fields), LIMITS)

    assert isinstance(made, PollAgain)
    assert (made.confirmed, made.failed, made.missing) == (False, False, True)
    assert made.proof_in_s == seconds


@pytest.mark.parametrize(("age_s", "kind"), [(3600.0, None), (3601.0, FailureKind.POSSIBLY_PAID)])
def test_a_404_proves_nothing_an_hour_after_the_post(age_s, kind, entry_of):
    made = after_poll(NotFound(), entry_of(submitted_at=NOW - age_s, **PROVED), LIMITS)

    assert isinstance(made, SubmitAgain if kind is None else Bury)
    if kind is not None:
        assert (made.failure.kind, made.failure.status) == (kind, 404)


@pytest.mark.parametrize(("ago_s", "proof"), [(119.0, False), (120.0, True)])
def test_where_the_poster_died_the_proof_counts_from_the_first_404(ago_s, proof, entry_of):
    entry = entry_of(missing=1, missing_at=NOW - ago_s)

    assert isinstance(after_poll(NotFound(), entry, LIMITS), SubmitAgain if proof else PollAgain)


def test_a_job_that_was_seen_alive_expires_with_the_second_404(entry_of):
    first = after_poll(NotFound(), entry_of(confirmed=True), LIMITS)
    second = after_poll(NotFound(), entry_of(confirmed=True, missing=1), LIMITS)

    assert isinstance(first, PollAgain)
    assert isinstance(second, Expire)


def test_plain_v2_never_proves_anything(entry_of):
    host = "https://v2.convertapi.com"

    lost = after_poll(NotFound(), entry_of(base_url=host, **PROVED), LIMITS)
    confirmed = after_poll(NotFound(), entry_of(base_url=host, confirmed=True, missing=9), LIMITS)

    assert isinstance(lost, Bury)
    assert lost.failure.kind is FailureKind.POSSIBLY_PAID
    assert isinstance(confirmed, PollAgain)


@pytest.mark.parametrize(
    "answer",
    [
        Failed(400, 4000, "Parameter validation error."),
        Failed(415, 0, "Unsupported."),
        Failed(500, 5001, "Conversion failed."),
        NotFound(),
    ],
    ids=["400", "415", "500", "404"],
)
def test_a_refusal_of_a_repeated_post_asks_and_buries_nothing(answer, entry_of):
    made = after_submit(answer, entry_of(lost=1, submits=2), LIMITS)

    assert isinstance(made, AskFirst)
    assert made.refusal is not None


def test_a_refusal_that_names_the_job_id_asks_even_the_first_time(entry_of):
    """Redis may have lost the note of the first POST: the id is derived, and so the same."""
    made = after_submit(Failed(400, 4000, "JobId is already in use."), entry_of(), LIMITS)

    assert isinstance(made, AskFirst)
    assert made.refusal.status == 400


@pytest.mark.parametrize(
    "words", ["The name is already in use.", "The parameter exists."], ids=["in use", "exists"]
)
def test_a_refusal_for_something_else_that_is_taken_is_bad_input(words, entry_of):
    made = after_submit(Failed(400, 4000, words), entry_of(), LIMITS)

    assert isinstance(made, Bury)
    assert made.failure.kind is FailureKind.INPUT


TAKEN_BEFORE = [
    Failed(400, 4000, "JobId is already in use."),
    Failed(500, 5001, "A job with this job id exists."),
    Lost("a proxy on the way, or the service, answered with HTTP 409: JobId is in use", 409),
    Lost("a proxy on the way, or the service, answered with HTTP 409", 409),
]


@pytest.mark.parametrize("answer", TAKEN_BEFORE, ids=lambda it: str(it.status))
def test_a_job_that_the_service_says_it_has_and_does_not_find_is_never_called_unpaid(
    answer, entry_of
):
    asked = after_submit(answer, entry_of(lost=1, submits=2), LIMITS)
    made = after_poll(NotFound(), entry_of(lost=1, refusal=asked.refusal, **PROVED), LIMITS)

    assert isinstance(made, Bury)
    assert made.failure.kind is FailureKind.POSSIBLY_PAID


def test_a_job_id_that_the_service_finds_malformed_is_bad_input(entry_of):
    refused = Failed(400, 4000, "Parameter JobId must be a UUID.")
    asked = after_submit(refused, entry_of(), LIMITS)
    made = after_poll(NotFound(), entry_of(refusal=asked.refusal, **PROVED), LIMITS)

    assert made.failure.kind is FailureKind.INPUT


def test_a_repeated_post_that_is_forbidden_alone_asks_before_it_is_buried(entry_of):
    refused = Failed(403, 0, "")
    made = after_submit(refused, entry_of(lost=1, denials=2), LIMITS, account_is_well=True)

    assert isinstance(made, AskFirst)
    assert made.refusal.kind is FailureKind.ACCOUNT


def test_an_upload_that_a_repeated_post_finds_gone_is_made_again(entry_of):
    asked = after_submit(Failed(500, 5009, "Gone."), entry_of(lost=1, uploads={"0": "f"}), LIMITS)
    missed = entry_of(lost=1, uploads={"0": "f"}, refusal=asked.refusal, **PROVED)

    assert after_poll(NotFound(), missed, LIMITS).reupload


def test_a_refused_post_of_which_no_job_turns_up_ends_as_it_was_refused(entry_of):
    made = after_poll(NotFound(), entry_of(lost=1, refusal=REFUSAL, **PROVED), LIMITS)

    assert made == Bury(REFUSAL)


@pytest.mark.parametrize("decide", [after_submit, after_poll])
def test_unreadable_paid_answer_is_kept_in_the_dead_letter(decide, entry_of):
    made = decide(Unreadable("a file has no Url", "{}", cost=3), entry_of(), LIMITS)

    assert isinstance(made, Bury)
    assert (made.failure.kind, made.failure.answer) == (FailureKind.UNREADABLE, "{}")
    assert (made.cost, made.failure.status) == (3, 200)
    assert "it is paid, but its answer can't be read: a file has no Url." in made.failure.message


def test_an_upload_that_the_service_has_lost_is_made_again_once(entry_of):
    gone = Failed(500, 5009, "File id is invalid.")

    first = after_submit(gone, entry_of(uploads={"0": "f"}), LIMITS)
    second = after_submit(gone, entry_of(uploads={"0": "f"}, reuploaded=True), LIMITS)
    not_ours = after_submit(gone, entry_of(), LIMITS)

    assert first == SubmitAgain(
        "ConvertAPI no longer has the uploaded files. Conveyor uploads them again", reupload=True
    )
    assert isinstance(second, Bury)
    assert isinstance(not_ours, Bury)


@pytest.mark.parametrize(
    ("code", "fields", "again"),
    [
        (5009, {"uploads": {"0": "f"}}, True),
        (5009, {"uploads": {"0": "f"}, "confirmed": True}, True),
        (5009, {"uploads": {"0": "f"}, "reuploaded": True}, False),
        (5009, {}, False),
        (5008, {"uploads": {"0": "f"}}, False),
    ],
    ids=["ours", "confirmed", "a second time", "the caller's", "another error"],
)
def test_a_job_that_failed_for_want_of_our_uploads_is_made_anew_once(entry_of, code, fields, again):
    decision = after_poll(Failed(500, code, "File id is invalid."), entry_of(**fields), LIMITS)

    assert isinstance(decision, SubmitAgain if again else Bury)
    assert not again or decision.reupload


@pytest.mark.parametrize(("denials", "decision"), [(0, Hold), (1, Hold), (2, Bury)])
def test_a_conversion_that_alone_is_refused_does_not_hold_the_account_for_ever(
    denials, decision, entry_of
):
    made = after_submit(
        Failed(403, 4013, "Forbidden."), entry_of(denials=denials), LIMITS, account_is_well=True
    )

    assert isinstance(made, decision)
    failure = made.failure
    assert (failure.kind, failure.code, failure.status) == (FailureKind.ACCOUNT, 4013, 403)
    assert ("The account is active, but" in failure.message) == (decision is Bury)


def test_an_account_of_which_nothing_is_known_is_held_however_often_it_refuses(entry_of):
    assert isinstance(after_submit(Failed(403, 0, "No."), entry_of(denials=99)), Hold)


# -- the one deadline of a job ----------------------------------------------------------------


@pytest.mark.parametrize("answer", [InProgress(), Busy(), Busy(5.0, 403), Lost("cut"), NotFound()])
@pytest.mark.parametrize(
    ("confirmed", "kind"), [(True, FailureKind.EXPIRED), (False, FailureKind.POSSIBLY_PAID)]
)
def test_nothing_is_converting_after_the_jobs_life(answer, confirmed, kind, entry_of):
    submitted_at = NOW - LIMITS.job_s

    made = after_poll(answer, entry_of(confirmed=confirmed, submitted_at=submitted_at), LIMITS)

    confirmed = confirmed or isinstance(answer, InProgress)
    assert isinstance(made, Expire if confirmed else Bury)
    assert made.failure.kind is (FailureKind.EXPIRED if confirmed else kind)
    assert made.failure.reason is (Reason.FORGOTTEN if confirmed else Reason.POSSIBLY_PAID)


@pytest.mark.parametrize("status", [401, 402, 403, 408, 409, 423, 425, 429, 503])
def test_no_wait_buries_a_running_job(status, entry_of):
    made = after_poll(Busy(7.0, status), entry_of(confirmed=True, consecutive_failures=99), LIMITS)

    assert isinstance(made, PollAgain)
    assert (made.failed, made.retry_after_s) == (False, 7.0)


def test_a_replay_that_asks_for_its_old_job_pays_anew_after_the_jobs_life(entry_of):
    made = after_poll(Busy(), entry_of(asking=True, submitted_at=NOW - LIMITS.job_s), LIMITS)

    assert isinstance(made, SubmitAgain)
    assert made.pays_anew


def test_a_replay_that_finds_no_old_job_pays_for_a_new_one(entry_of):
    made = after_poll(NotFound(), entry_of(asking=True, **PROVED), LIMITS)

    assert isinstance(made, SubmitAgain)
    assert made.pays_anew


@pytest.mark.parametrize(("lost", "said"), [(0, "Nothing was paid"), (1, "should be paid")])
def test_possibly_paid_job_is_never_called_unpaid(lost, said, entry_of):
    made = after_submit(Unsent("away"), entry_of(lost=lost, seen_at=NOW + 600), LIMITS)

    assert said in made.failure.message
