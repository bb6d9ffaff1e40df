"""The service's rules: each number, code, name and form of ConvertAPI's, once, with its source.

The letters name the sources as `docs/protocol.md` does: **S** the specification this project began
with, **C** the vendor's present documentation, **F** the official Python client.

They stand in the domain, because what decides reads them, and nothing below may import from above.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "ACCOUNT_CODES",
    "ACCOUNT_STATUSES",
    "BALANCE_USED_UP",
    "CONVERSION_FAILED",
    "CREDENTIAL_CODES",
    "CURE_BY_CODE",
    "DAMAGED",
    "DEFAULT_URL",
    "FILE_ID",
    "FILE_ID_UNKNOWN",
    "FILE_LIFE_S",
    "HOST",
    "HOST_SUFFIX",
    "INPUT_CODES",
    "INVALID_PARAMETERS",
    "JOB_LIFE_S",
    "LEAST_SPACING_S",
    "LEAST_TIMEOUT_S",
    "MANY_FILES",
    "MAX_SEMI_ASYNC_S",
    "MOST_TIMEOUT_S",
    "NOTHING_FOUND",
    "PATH_JOB_ID",
    "PAYMENT_REQUIRED",
    "PROTECTED",
    "QUERY_JOB_ID",
    "REGIONAL_URL",
    "RESERVED_PARAMETERS",
    "RETRY_STEPS",
    "SOURCE_NOT_FETCHED",
    "TIMEOUTS_S",
    "TIMEOUT_PARAMETER",
    "TOOK_TOO_LONG",
    "TOO_LARGE",
    "UNSUPPORTED",
]

# -- hosts ----------------------------------------------------------------------------------------

HOST: Final = "v2.convertapi.com"
"""Routed to the nearest data centre (C). So a 404 from here may come from one without the job."""

DEFAULT_URL: Final = f"https://{HOST}"
"""Where requests go unless a setting says otherwise."""

REGIONAL_URL: Final = f"https://eu-{HOST}"
"""One of the regions' own hosts (C), as an example: such a host is one data centre's."""

HOST_SUFFIX: Final = ".convertapi.com"
"""What all of the vendor's hosts end in (C)."""

# -- time -----------------------------------------------------------------------------------------

LEAST_SPACING_S: Final = 5.0
"""The least time from the end of one poll of a job to the start of the next, seconds (S)."""

RETRY_STEPS: Final = (1, 2, 3)
"""The waits before a throttled submit is tried again, in spacings (C): 5, 10, 15 s."""

JOB_LIFE_S: Final = 2 * 3600.0
"""The service removes a job after at most two hours, seconds (S)."""

FILE_LIFE_S: Final = 3 * 3600.0
"""The service keeps files for at most three hours, seconds (C)."""

TIMEOUT_PARAMETER: Final = "Timeout"
"""The parameter for how long a conversion may take. Names are taken in any case (C)."""

LEAST_TIMEOUT_S: Final = 10
"""The least ``Timeout``, whole seconds (C)."""

MOST_TIMEOUT_S: Final = 1200
"""The longest ``Timeout``, whole seconds (C)."""

TIMEOUTS_S: Final = range(LEAST_TIMEOUT_S, MOST_TIMEOUT_S + 1)
"""Each ``Timeout`` that the service takes, seconds."""

MAX_SEMI_ASYNC_S: Final = MOST_TIMEOUT_S
"""The longest wait for a result in the answer to the submit: the service ends every job by then."""

# -- ids and names --------------------------------------------------------------------------------

FILE_ID: Final = re.compile("[a-z0-9]{32}")
"""The form of a FileId (C)."""

PATH_JOB_ID: Final = FILE_ID
"""The form of a job id in the path dialect: 32 of a-z and 0-9 (C)."""

QUERY_JOB_ID: Final = re.compile("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""The form of a job id in the query dialect: a UUID (S)."""

RESERVED_PARAMETERS: Final = {
    "secret": "the workers use their own credentials. Leave it out",
    "token": "the workers use their own credentials. Leave it out",
    "apikey": "the workers use their own credentials. Leave it out",
    "auth": "the workers use their own credentials. Leave it out",
    "async": "every conversion is asynchronous. Leave it out",
    "jobid": "Conveyor makes the job id. Leave it out",
    "webhook": "Conveyor sets its own webhook for each job. Leave it out",
    "storefile": "Conveyor always fetches results from the service's store. Leave it out",
    "file": "pass it as the source",
    "files": "pass a list as the source",
    "url": "pass it as the source, with from_format='web'",
}
"""Parameters of the protocol itself, in lower case, and why a caller can't set them (S, F)."""

MANY_FILES: Final = frozenset({"merge", "zip"})
"""Operations that take ``Files[]`` even for one source (C)."""

# -- answers --------------------------------------------------------------------------------------

PAYMENT_REQUIRED: Final = 402
"""The HTTP status of a balance that is used up, whoever answers so."""

TOO_LARGE: Final = 413
"""The HTTP status of a file that is too large, whoever answers so."""

UNSUPPORTED: Final = 415
"""The HTTP status of a pair of formats that is not converted (C)."""

ACCOUNT_STATUSES: Final = frozenset({401, PAYMENT_REQUIRED, 403})
"""HTTP statuses that speak of the account and not of the conversion (S)."""

INVALID_PARAMETERS: Final = 4000
"""The code of a wrong parameter (C)."""

BALANCE_USED_UP: Final = 4014
"""The code of an empty balance (S)."""

ACCOUNT_CODES: Final = frozenset(range(4010, 4018))
"""The codes that speak of the account and not of the conversion (S)."""

CREDENTIAL_CODES: Final = ACCOUNT_CODES - {BALANCE_USED_UP}
"""The codes of authentication (S). No other credential mends a balance."""

FILE_ID_UNKNOWN: Final = 5009
"""The code of a FileId that the service does not know, or no longer (C)."""

DAMAGED: Final = 5002
"""The code of a document that is damaged, or of another format (C)."""

TOOK_TOO_LONG: Final = 5000
"""The code of a conversion that was stopped at its ``Timeout`` (C)."""

CONVERSION_FAILED: Final = 5001
"""The code of a conversion that failed, for whatever cause (C)."""

PROTECTED: Final = 5003
"""The code of a document that has a password (C)."""

NOTHING_FOUND: Final = frozenset({5004, 50013, 50020})
"""The codes of a document without what is to be extracted: tables, images, files (C)."""

SOURCE_NOT_FETCHED: Final = 5008
"""The code of a source whose URL the service could not fetch (C)."""

INPUT_CODES: Final = NOTHING_FOUND | {DAMAGED, PROTECTED, SOURCE_NOT_FETCHED, FILE_ID_UNKNOWN}
"""The codes that blame the document or a parameter (C). The meaning of 5005 to 5007 has changed, so
nothing is told by them."""

CURE_BY_CODE: Final = {
    BALANCE_USED_UP: "The balance is used up. Buy conversions, then run: conveyor account resume.",
    TOOK_TOO_LONG: (
        f"It took too long: convert it again with a longer Timeout (up to {MOST_TIMEOUT_S} s)."
    ),
    DAMAGED: "The document is damaged, or has another format. Check the file and its format.",
    PROTECTED: "The document is protected. Pass the parameter Password.",
    SOURCE_NOT_FETCHED: (
        "ConvertAPI could not fetch the source. Its URL must answer 200 without a login."
    ),
    FILE_ID_UNKNOWN: "The FileId is wrong, or older than three hours. Send the file again.",
}
"""What to do about a failure of this code."""
