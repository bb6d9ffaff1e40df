from __future__ import annotations

from uuid import UUID

import pytest

from conveyor.domain.jobs import job_uuid


@pytest.mark.parametrize(
    ("key", "conversion_id", "attempt", "expected"),
    [
        (b"key", "c1", 1, "37d794b7-1f4b-49e6-baa4-f1b94a67d886"),
        (b"key", "c1", 2, "6c10dcfa-f413-470a-b3e1-bd71f0ab010b"),
        (b"key", "c2", 1, "556017b6-d99b-4812-bcbe-d8ded55c8a47"),
        (b"other", "c1", 1, "1edc2028-0383-4027-ae69-4a5aec31a1b4"),
    ],
)
def test_each_release_derives_the_same_job_id_from_key_conversion_and_attempt(
    key, conversion_id, attempt, expected
):
    """With another one, a job that is paid and running would not be found again."""
    uuid = job_uuid(key, conversion_id, attempt)

    assert uuid == UUID(expected)
    assert uuid.version == 4
