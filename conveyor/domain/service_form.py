"""A request as the fields of the service's form."""

from __future__ import annotations

from collections.abc import Mapping

from conveyor.domain import rules
from conveyor.domain.request import ConversionRequest

__all__ = ["form_of"]


def form_of(request: ConversionRequest, uploads: Mapping[str, str]) -> dict[str, str]:
    """The fields of the service's form.

    Args:
        request: The request.
        uploads: The FileId of each uploaded attachment, by its key.

    Returns:
        Sources and parameters under the service's names.
    """
    values = {key: uploads.get(key, it.value) for key, it in request.attachments.items()}
    files = {name: values.pop(name) for name in request.files}
    return {**request.params, **files, **_sources_form(request, list(values.values()))}


def _sources_form(request: ConversionRequest, values: list[str]) -> dict[str, str]:
    if request.from_format == "web":
        return {"Url": values[0]}
    if len(values) == 1 and request.to_format not in rules.MANY_FILES:
        return {"File": values[0]}
    return {f"Files[{n}]": value for n, value in enumerate(values)}
