"""Why a conversion has ended without files, who can act, and what can be done: as data.

A reason is what a program decides by, and what an end user is told. `conveyor/catalogues/` has its
words in each language. What the service answers is turned into a reason in one place,
`conveyor.domain.failures`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from conveyor.sentences import text_of

__all__ = [
    "FailureKind",
    "HasReason",
    "Reason",
    "Remedy",
    "kind_called",
    "reason_called",
    "usual_reason",
]


class FailureKind(StrEnum):
    """The class of a failure: who can do something about it."""

    INPUT = "input"  # the document or the parameters: the user
    SERVICE = "service"  # ConvertAPI: try again later
    ACCOUNT = "account"  # credentials or balance: the account's owner
    EXPIRED = "expired"  # the service forgot the job before it was fetched: the operator
    STORAGE = "storage"  # the result can't be stored: the operator
    POSSIBLY_PAID = "possibly_paid"  # nobody can tell whether it was started: the operator
    UNREADABLE = "unreadable"  # paid, and the answer can't be read: the operator
    INTERNAL = "internal"  # an error of Conveyor's own: the operator, and we
    CANCELLED = "cancelled"  # the caller wished so; no dead letter


class Remedy(StrEnum):
    """What can be done about a failure. An application can make a button or a field of it."""

    GIVE_PASSWORD = "give_password"  # ask the user for it, and pass the parameter Password
    SEND_ANOTHER_FILE = "send_another_file"  # this one will never do
    SEND_AGAIN = "send_again"  # the same file, because its copy is gone
    SEND_SMALLER_FILE = "send_smaller_file"  # or its parts
    CHECK_ADDRESS = "check_address"  # the source's URL
    CHOOSE_ANOTHER_FORMAT = "choose_another_format"  # the target, or another operation
    CHANGE_PARAMETERS = "change_parameters"  # one of those that were given is wrong
    ALLOW_MORE_TIME = "allow_more_time"  # pass a longer Timeout, or replay with one
    TRY_AGAIN = "try_again"  # the same again, now
    TRY_AGAIN_LATER = "try_again_later"  # the same again, when the fault is over
    ASK_OPERATOR = "ask_operator"  # the user can do nothing: whoever runs the application must


class Reason(StrEnum):
    """Why a conversion has ended without files.

    More may come in a later release. An earlier one reads such a reason as the usual one of its
    class, so treat a reason that you don't know like `REFUSED`.
    """

    # The user's
    PASSWORD = "password"  # the document has a password
    DAMAGED = "damaged"  # the document is damaged, or of another format than its name says
    EMPTY = "empty"  # the file has no content
    NOTHING_FOUND = "nothing_found"  # the document has no tables, images or files to extract
    UNSUPPORTED = "unsupported"  # the service does not convert this format into that one
    TOO_LARGE = "too_large"  # the file, or what became of it
    UNREACHABLE = "unreachable"  # the source can't be fetched from its address
    MISSING = "missing"  # our copy of the source, or a FileId, is gone
    PARAMETERS = "parameters"  # a parameter is wrong
    TOOK_TOO_LONG = "took_too_long"  # the conversion was stopped at its Timeout
    REFUSED = "refused"  # any other fault of the document or the request

    # The account's
    NO_BALANCE = "no_balance"  # it is used up
    CREDENTIALS = "credentials"  # the service refuses them, or the account
    NOT_ALLOWED = "not_allowed"  # the account works, and the service refuses this conversion

    # The service's
    CONVERSION_FAILED = "conversion_failed"  # the service has tried, and names no cause
    SERVICE = "service"  # the service is broken, or can't be reached
    WAITED_TOO_LONG = "waited_too_long"  # not begun within the time that it may wait
    FORGOTTEN = "forgotten"  # converted, and not fetched before the service deleted it

    # The operator's
    STORAGE = "storage"  # files can't be read or written here
    POSSIBLY_PAID = "possibly_paid"  # nobody can tell whether it was started
    UNREADABLE = "unreadable"  # paid, and the answer can't be read
    INTERNAL = "internal"  # an error of Conveyor's own

    MISSED_DEADLINE = "missed_deadline"  # not begun by the deadline that it was given
    CANCELLED = "cancelled"  # the caller wished so

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """What can be done about it, the most likely first."""
        return _REMEDIES[self]

    def sentence(self, language: str = "en") -> str:
        """What has gone wrong, in one sentence for an end user.

        Args:
            language: A language, ``de`` or ``de-AT``, or a browser's whole ``Accept-Language``.
                English where there is no such catalogue.
        """
        return text_of(self, "sentence", language)

    def advice(self, language: str = "en") -> str:
        """What the end user can do about it, in one sentence that follows the first.

        Args:
            language: As `sentence` takes it.
        """
        return text_of(self, "advice", language)


class HasReason:
    """What can be told of a failure by its reason: shared by the records and errors that have one.

    Attributes:
        reason: Why, for a program to decide by.
    """

    __slots__ = ()
    reason: Reason

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """What can be done about it, the most likely first."""
        return self.reason.remedies

    def sentence(self, language: str = "en") -> str:
        """What has gone wrong, in one sentence for an end user.

        Args:
            language: A language, ``de`` or ``de-AT``, or a browser's whole ``Accept-Language``.
                English where there is no such catalogue.
        """
        return self.reason.sentence(language)

    def advice(self, language: str = "en") -> str:
        """What the end user can do about it, in one sentence that follows the first.

        Args:
            language: As `sentence` takes it.
        """
        return self.reason.advice(language)


_REMEDIES: Final[Mapping[Reason, tuple[Remedy, ...]]] = MappingProxyType(
    {
        Reason.PASSWORD: (Remedy.GIVE_PASSWORD,),
        Reason.DAMAGED: (Remedy.SEND_ANOTHER_FILE,),
        Reason.EMPTY: (Remedy.SEND_ANOTHER_FILE,),
        Reason.NOTHING_FOUND: (Remedy.SEND_ANOTHER_FILE, Remedy.CHOOSE_ANOTHER_FORMAT),
        Reason.UNSUPPORTED: (Remedy.CHOOSE_ANOTHER_FORMAT,),
        Reason.TOO_LARGE: (Remedy.SEND_SMALLER_FILE,),
        Reason.UNREACHABLE: (Remedy.CHECK_ADDRESS,),
        Reason.MISSING: (Remedy.SEND_AGAIN,),
        Reason.PARAMETERS: (Remedy.CHANGE_PARAMETERS,),
        Reason.TOOK_TOO_LONG: (Remedy.ALLOW_MORE_TIME, Remedy.SEND_SMALLER_FILE),
        Reason.REFUSED: (Remedy.SEND_ANOTHER_FILE, Remedy.CHANGE_PARAMETERS),
        Reason.NO_BALANCE: (Remedy.ASK_OPERATOR,),
        Reason.CREDENTIALS: (Remedy.ASK_OPERATOR,),
        Reason.NOT_ALLOWED: (Remedy.CHOOSE_ANOTHER_FORMAT, Remedy.ASK_OPERATOR),
        Reason.CONVERSION_FAILED: (Remedy.TRY_AGAIN_LATER, Remedy.SEND_ANOTHER_FILE),
        Reason.SERVICE: (Remedy.TRY_AGAIN_LATER,),
        Reason.WAITED_TOO_LONG: (Remedy.TRY_AGAIN_LATER, Remedy.ASK_OPERATOR),
        Reason.FORGOTTEN: (Remedy.TRY_AGAIN,),
        Reason.STORAGE: (Remedy.TRY_AGAIN_LATER, Remedy.ASK_OPERATOR),
        Reason.POSSIBLY_PAID: (Remedy.ASK_OPERATOR,),
        Reason.UNREADABLE: (Remedy.ASK_OPERATOR,),
        Reason.INTERNAL: (Remedy.ASK_OPERATOR,),
        Reason.MISSED_DEADLINE: (Remedy.TRY_AGAIN,),
        Reason.CANCELLED: (Remedy.TRY_AGAIN,),
    }
)
_USUAL: Final[Mapping[FailureKind, Reason]] = MappingProxyType(
    {
        FailureKind.INPUT: Reason.REFUSED,
        FailureKind.SERVICE: Reason.SERVICE,
        FailureKind.ACCOUNT: Reason.CREDENTIALS,
        FailureKind.EXPIRED: Reason.FORGOTTEN,
        FailureKind.STORAGE: Reason.STORAGE,
        FailureKind.POSSIBLY_PAID: Reason.POSSIBLY_PAID,
        FailureKind.UNREADABLE: Reason.UNREADABLE,
        FailureKind.INTERNAL: Reason.INTERNAL,
        FailureKind.CANCELLED: Reason.CANCELLED,
    }
)


def usual_reason(kind: FailureKind) -> Reason:
    """The reason of a class about which nothing more is known.

    Args:
        kind: The class.
    """
    return _USUAL[kind]


def kind_called(name: str) -> FailureKind:
    """A class by its name. One that a later release has brought is none that we know a cure for.

    Args:
        name: As a record has it.

    Returns:
        The class, `INTERNAL` for an unknown name.
    """
    try:
        return FailureKind(name)
    except ValueError:
        return FailureKind.INTERNAL


def reason_called(name: str, kind: FailureKind) -> Reason:
    """A reason by its name.

    Args:
        name: As a record has it.
        kind: The failure's class.

    Returns:
        The reason, the usual one of the class for a name that a later release has brought.
    """
    try:
        return Reason(name)
    except ValueError:
        return usual_reason(kind)
