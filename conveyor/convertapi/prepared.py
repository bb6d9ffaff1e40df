"""Prepared requests: made once and not parsed again on the way out.

`requests` would parse the address of each request four times, and write and check its header anew
at each level. Here the gate has parsed the address, and a header that is sent many times is checked
and written once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO
from urllib.parse import urlencode

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import check_header_validity

from conveyor.convertapi.errors import Unreachable
from conveyor.convertapi.origins import Address

__all__ = ["Fields", "Request"]


class Fields(CaseInsensitiveDict[str]):
    """A request's header fields. They are never changed.

    Args:
        fields: By name.

    Attributes:
        block: The same as they go over the wire, without the last line's end.

    Raises:
        Unreachable: One of them can't be sent.
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(fields)
        try:
            for field in fields.items():
                check_header_validity(field)
            lines = "\r\n".join(f"{name}: {value}" for name, value in fields.items())
            self.block = lines.encode("latin-1")
        except (requests.RequestException, ValueError) as error:
            # Its text quotes the field.
            raise Unreachable(f"the request could not be built: {type(error).__name__}") from None

    def with_length(self, size: int) -> Fields:
        """These fields, and the length of a body.

        Args:
            size: In bytes.
        """
        longer = Fields({"Content-Length": str(size)})
        longer.block = b"%b\r\n%b" % (self.block, longer.block)
        longer.update(self)
        return longer


class Request(requests.PreparedRequest):
    """A request.

    Args:
        method: GET, POST or DELETE.
        address: Where it goes, as the gate has read it.
        query: More of a query than the address has.
        fields: Its header.
        body: Its body. A stream is sent piece by piece.

    Attributes:
        origin: The host it goes to.
        target: What is asked for there.

    Raises:
        Unreachable: It can't be sent.
    """

    def __init__(
        self,
        method: str,
        address: Address,
        query: Mapping[str, str],
        fields: Fields,
        body: bytes | IO[bytes] | None = None,
    ) -> None:
        super().__init__()
        more = f"?{urlencode(query, errors='replace')}" if query else ""
        self.origin = address.origin
        self.target = f"{address.target}{more}"
        self.method, self.url = method, f"{address.url}{more}"
        self.headers = fields if body is None else self._framed(fields, body)

    def _framed(self, fields: Fields, body: bytes | IO[bytes]) -> CaseInsensitiveDict[str]:
        if isinstance(body, bytes):
            self.body = body
            return fields.with_length(len(body))
        self.headers = fields.copy()
        try:
            self.prepare_body(body, None)  # finds out its length
        except (requests.RequestException, ValueError) as error:
            raise Unreachable(f"the request could not be built: {type(error).__name__}") from None
        return self.headers
