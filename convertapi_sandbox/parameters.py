"""Parameters of a request: gathered from wherever the client put them, then checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from convertapi_sandbox.converters import kinds
from convertapi_sandbox.converters.model import Converter, Parameter, Takes
from convertapi_sandbox.errors import invalid_parameters
from convertapi_sandbox.files import StoredFile, safe_name
from convertapi_sandbox.values import Value

__all__ = ["Checked", "Parameters", "check", "is_control"]

_DEFAULT_TIMEOUT_S: Final = 900
_MIN_TIMEOUT_S: Final = 10
_MAX_TIMEOUT_S: Final = 1200

# Documented as query parameters; the service looks for them nowhere else.
_CONTROL: Final = frozenset({"async", "jobid", "webhook"})

_INDEXED: Final = re.compile(r"(?P<name>.+?)\[(?P<index>\d*)\]")

# Understood for every conversion.
_COMMON: Final = (
    Parameter("StoreFile", kinds.flag, default=False),
    Parameter("Async", kinds.flag, default=False),
    Parameter(
        "Timeout",
        kinds.integer(_MIN_TIMEOUT_S, _MAX_TIMEOUT_S),
        default=_DEFAULT_TIMEOUT_S,
    ),
    Parameter("FileName", kinds.text, default=""),
    Parameter("JobId", kinds.text, default=None),
    Parameter("WebHook", kinds.http_url, default=None),
    Parameter("Secret", kinds.text, default=None),
    Parameter("Token", kinds.text, default=None),
    Parameter("ApiKey", kinds.text, default=None),
)


@dataclass(frozen=True, kw_only=True)
class Checked:
    """The parameters of one conversion, all of them valid.

    Args:
        sources: What is to be converted: URLs, FileIds, or files with the request.
        options: The converter's own parameters by name, defaults filled in.
        store_file: Whether the result is downloaded by `Url`.
        asynchronous: Whether the answer shall be a JobId alone.
        timeout_s: Bound of the conversion.
        file_name: Name of the result without extension; empty for the source's.
        job_id: The client's own JobId.
        webhook: URL to call at the end.
    """

    sources: tuple[Value, ...]
    options: Mapping[str, Any]
    store_file: bool
    asynchronous: bool
    timeout_s: int
    file_name: str
    job_id: str | None
    webhook: str | None


@dataclass
class _Gathered:
    name: str
    values: list[tuple[int, Value]] = field(default_factory=list)


class Parameters:
    """All that came under some name, names compared without regard to case.

    Args:
        pairs: Names and values in the order in which they came. `Files[1]` and `Files[]`
            belong to `Files`.
    """

    def __init__(self, pairs: Iterable[tuple[str, Value]]) -> None:
        self._gathered: dict[str, _Gathered] = {}
        for position, (name, value) in enumerate(pairs):
            indexed = _INDEXED.fullmatch(name)
            base = indexed["name"] if indexed else name
            order = int(indexed["index"]) if indexed and indexed["index"] else position
            entry = self._gathered.setdefault(base.lower(), _Gathered(base))
            entry.values.append((order, value))

    def all(self, name: str) -> tuple[Value, ...]:
        """Return the values under a name, by their index.

        Args:
            name: The name, in any case.
        """
        entry = self._gathered.get(name.lower())
        if entry is None:
            return ()
        ordered = sorted(entry.values, key=lambda value: value[0])
        return tuple(value for _, value in ordered if value != "")

    def names(self) -> list[str]:
        """Return the names as they came."""
        return [entry.name for entry in self._gathered.values()]


def is_control(name: str) -> bool:
    """Tell whether a parameter says how a conversion is run, not what it makes.

    Args:
        name: The name, in any case.
    """
    return name.lower() in _CONTROL


def check(parameters: Parameters, converter: Converter) -> Checked:
    """Check a request's parameters against those that its converter declares.

    Args:
        parameters: As they came.
        converter: Of the conversion asked for.

    Raises:
        ApiError: 4000, with every parameter that is unknown, missing or wrong.
    """
    invalid: dict[str, list[str]] = {}
    common = _read(parameters, _COMMON, invalid)
    options = _read(parameters, converter.parameters, invalid)
    sources = _sources(parameters, converter.takes, invalid)
    _refuse_unknown(parameters, converter, invalid)
    if invalid:
        raise invalid_parameters(invalid)
    return Checked(
        sources=sources,
        options=options,
        store_file=common["StoreFile"],
        asynchronous=common["Async"],
        timeout_s=common["Timeout"],
        file_name=safe_name(common["FileName"]),
        job_id=common["JobId"],
        webhook=common["WebHook"],
    )


def _read(
    parameters: Parameters, declared: Iterable[Parameter], invalid: dict[str, list[str]]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for parameter in declared:
        given = parameters.all(parameter.name)
        try:
            values[parameter.name] = _read_one(parameter, given)
        except ValueError as error:
            invalid[parameter.name] = [str(error)]
    return values


def _read_one(parameter: Parameter, given: tuple[Value, ...]) -> object:
    if not given:
        return parameter.default
    if len(given) > 1:
        raise ValueError("The parameter is given more than once.")
    if isinstance(given[0], StoredFile):
        raise ValueError("The parameter takes no file.")  # noqa: TRY004 - the client's mistake
    return parameter.read(given[0])


def _sources(
    parameters: Parameters, takes: Takes, invalid: dict[str, list[str]]
) -> tuple[Value, ...]:
    if takes is Takes.PAIR:
        return _one_of_each(parameters, takes.names, invalid)
    sources = tuple(value for name in takes.names for value in parameters.all(name))
    wanted = takes.names[0]
    if not sources:
        invalid[wanted] = [f"The {wanted} field is required."]
    elif takes is not Takes.FILES and len(sources) > 1:
        invalid[wanted] = ["Only one file is converted at a time."]
    return sources


def _one_of_each(
    parameters: Parameters, names: Iterable[str], invalid: dict[str, list[str]]
) -> tuple[Value, ...]:
    given = {name: parameters.all(name) for name in names}
    for name, values in given.items():
        if len(values) != 1:
            invalid[name] = [f"The {name} field is required, once."]
    return tuple(value for values in given.values() for value in values)


def _refuse_unknown(
    parameters: Parameters, converter: Converter, invalid: dict[str, list[str]]
) -> None:
    declared = (parameter.name for parameter in (*_COMMON, *converter.parameters))
    known = {name.lower() for name in (*declared, *converter.takes.names)}
    for name in parameters.names():
        if name.lower() not in known:
            invalid[name] = ["The parameter is not known to this converter."]
