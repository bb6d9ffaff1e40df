"""The vendor's errors: an HTTP status, a `Code` and a `Message`.

Source: https://docs.convertapi.com/docs/response-codes. Codes 5005 to 5007 changed meaning
between two editions of that page, so that the sandbox gives them the newer one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = [
    "BAD_REQUEST",
    "CONFLICT",
    "CONVERSION_ERRORS",
    "UNAUTHORIZED",
    "UNSUPPORTED",
    "ApiError",
    "conversion_error",
    "invalid_parameters",
    "job_id_in_use",
]

BAD_REQUEST: Final = 400
UNAUTHORIZED: Final = 401
CONFLICT: Final = 409
UNSUPPORTED: Final = 415
_FAILED: Final = 500

# What a conversion may end with; each is served with HTTP 500.
CONVERSION_ERRORS: Final[Mapping[int, str]] = {
    5000: "Conversion timeout.",
    5001: "Conversion failed.",
    5002: "File is damaged.",
    5003: "File is password protected.",
    5004: "No tables to extract in PDF file.",
    5005: "Can not delete all document pages.",
    5006: "The current encryption algorithm does not support Unicode passwords.",
    5007: "Cannot decrypt PDF.",
    5008: "Unable to access the file.",
    5009: "File id is invalid.",
    50010: "File link is set incorrectly. Url or File Id must be set.",
    50013: "Images were not found in the PDF file.",
    50020: "There are no supported files available for extraction.",
    50050: "Unexpected exception.",
}


class ApiError(Exception):
    """An answer other than success, as the vendor words it.

    Args:
        status: HTTP status.
        code: The vendor's code.
        message: The vendor's text for people.
        invalid: Messages by parameter name, for code 4000.
    """

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        invalid: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.invalid = invalid

    def body(self) -> dict[str, Any]:
        """Return the JSON object of the answer."""
        body: dict[str, Any] = {"Code": self.code, "Message": self.message}
        if self.invalid is not None:
            body["InvalidParameters"] = {name: list(why) for name, why in self.invalid.items()}
        return body


def invalid_parameters(invalid: Mapping[str, Sequence[str]]) -> ApiError:
    """Return the refusal of a request whose parameters are wrong (4000).

    Args:
        invalid: What is wrong, by parameter.
    """
    return ApiError(BAD_REQUEST, 4000, "Parameter validation error.", invalid)


def job_id_in_use(status: int) -> ApiError:
    """Return the refusal of a JobId that was used before, with HTTP 409 or 400.

    Args:
        status: The HTTP status to refuse it with.
    """
    message = "JobId is already in use"
    if status == BAD_REQUEST:
        return invalid_parameters({"JobId": [message]})
    return ApiError(status, status, message)


def conversion_error(code: int, detail: str = "") -> ApiError:
    """Return the end of a failed conversion.

    Args:
        code: One of `CONVERSION_ERRORS`.
        detail: Text that follows the documented message.
    """
    return ApiError(_FAILED, code, f"{CONVERSION_ERRORS[code]} {detail}".rstrip())
