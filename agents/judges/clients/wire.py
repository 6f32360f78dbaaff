"""What every inference server is asked and answers, whatever its wire format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Finish = Literal["stop", "length", "refused", "other"]
"""Why generation ended: on its own, at the token limit, by the server's filter, or unsaid."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the conversation with a judge."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `reasoning` is what the server itself tells apart as thinking."""

    content: str
    reasoning: str = ""
    finish: Finish = "stop"
    tokens_in: int | None = None
    tokens_out: int | None = None


class Client(Protocol):
    """A conversation with one model on one server."""

    async def ask(self, messages: Sequence[Message], max_tokens: int) -> Reply:
        """Return the model's reply of at most `max_tokens` tokens, thinking included.

        Raises:
            JudgeUnavailable: the server is down, over-full, or not set up for this model.
            RequestRejected: the server will not take this request.
            PromptTooLong: the same, because the prompt does not fit the model's context.
            ServerFault: no reply came, and it is not clear whose fault that is.
        """

    async def models(self) -> tuple[str, ...]:
        """Return the names of the models the server has.

        Raises:
            JudgeUnavailable: the server is down.
            RequestRejected: the server does not tell.
            ServerFault: what it said makes no sense.
        """

    async def aclose(self) -> None:
        """Close the connections."""


class RequestRejected(Exception):
    """The server answers, but not this request. `status` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class PromptTooLong(RequestRejected):
    """The prompt does not fit the model's context, or was silently cut to fit."""


class ServerFault(Exception):
    """No usable reply: a time-out, a broken connection, an internal error, a malformed body.

    `reason` is one word for it, as it stands in an abstention.
    """

    def __init__(
        self, message: str, reason: Literal["timeout", "server_error", "malformed"]
    ) -> None:
        super().__init__(message)
        self.reason = reason
