from convertapi_sandbox.audit import COUNTERS, Audit


def test_a_fresh_report_is_all_zero():
    report = Audit().report()
    assert all(report[name] == 0 for name in (*COUNTERS, "violations"))
    assert report["jobs_by_outcome"] == {"in_progress": 0}
    assert report["faults"] == {}


def test_the_second_charge_of_an_id_is_a_duplicate():
    audit = Audit()
    for job_id in ("a", "a", "b", "a", None, None):
        audit.charge(job_id, "same")
    report = audit.report()
    assert (report["jobs"], report["paid"], report["paid_duplicates"]) == (6, 6, 2)


def test_equal_conversions_are_duplicates_on_request():
    audit = Audit(fingerprints=True)
    audit.charge("a", "same")
    audit.charge("b", "same")
    audit.charge("c", "other")
    assert audit.report()["paid_duplicates"] == 1


def test_a_charge_that_is_a_duplicate_twice_counts_once():
    audit = Audit(fingerprints=True)
    audit.charge("a", "same")
    audit.charge("a", "same")
    assert audit.report()["paid_duplicates"] == 1


def test_violations_sum_what_a_client_must_not_do():
    audit = Audit()
    for name in ("overlapping_polls", "early_polls", "early_polls", "throttled", "polls"):
        audit.count(name)
    audit.charge("a", "x")
    audit.charge("a", "x")
    assert audit.report()["violations"] == 4


def test_jobs_without_outcome_are_in_progress():
    audit = Audit()
    for job_id in "abc":
        audit.charge(job_id, job_id)
    audit.outcome("succeeded")
    assert audit.report()["jobs_by_outcome"] == {"succeeded": 1, "in_progress": 2}


def test_reset_forgets_charges_too():
    audit = Audit()
    audit.charge("a", "x")
    audit.reset()
    audit.charge("a", "x")
    assert audit.report()["paid_duplicates"] == 0
