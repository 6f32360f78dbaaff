"""Keys and values as the bytes they are, without the way through Faust's codecs."""

from __future__ import annotations

from typing import Any

import faust
from faust.types import AppT, EventT, Message
from faust.types.core import OpenHeadersArg


class RawSchema(faust.Schema[bytes | None, bytes | None]):
    """``app.topic(name, schema=RawSchema())``: bytes in, bytes out; a tombstone's value is None.

    Faust looks two codecs up for each record, also for the codec that does nothing; without that
    an event costs half.
    """

    def compile(self, app: AppT, **_: Any) -> Any:
        """The function that makes an event of a message."""
        create_event = app.create_event

        async def decode(message: Message, **_: Any) -> EventT[Any]:
            return create_event(message.key, message.value, message.headers, message)

        return decode

    def dumps_key(
        self,
        app: AppT,  # noqa: ARG002 - Faust's signature
        key: Any,
        *,
        headers: OpenHeadersArg,
        **_: Any,
    ) -> tuple[Any, OpenHeadersArg]:
        """The key as it is."""
        return key, headers

    def dumps_value(
        self,
        app: AppT,  # noqa: ARG002 - Faust's signature
        value: Any,
        *,
        headers: OpenHeadersArg,
        **_: Any,
    ) -> tuple[Any, OpenHeadersArg]:
        """The value as it is."""
        return value, headers
