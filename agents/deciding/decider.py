"""A model that is asked what it would have decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from agents.deciding.wire import NoDecision, decision, request
from agents.judges.clients import JsonServer
from agents.judges.clients.wire import RequestRejected, ServerFault
from agents.judges.factory import make_server
from schemas.pair import ChatMessage
from schemas.settings import ModelJudge, Regenerate


class Decided(NamedTuple):
    """What a model decided; where it decided nothing that could be used, `message` is None and
    `reason` says why."""

    message: ChatMessage | None
    reason: str = ""


class Decider:
    """Asks a model for one message: words, calls, or both."""

    def __init__(self, server: JsonServer, settings: Regenerate) -> None:
        self._server = server
        self._settings = settings
        self.model = settings.model

    async def decide(
        self, prompt: Sequence[ChatMessage], tools: Sequence[Mapping[str, Any]]
    ) -> Decided:
        """Return what the model says after a prompt.

        Args:
            prompt: all that stood before the decision.
            tools: the schemas of the tools it may call, in the chat format.

        Raises:
            JudgeUnavailable: its machine can't answer now, whatever it is asked.
        """
        settings = self._settings
        path, body = request(
            settings.kind,
            settings.model,
            prompt,
            tools,
            max_tokens=settings.max_tokens,
            context_tokens=settings.context_tokens,
        )
        try:
            return Decided(decision(settings.kind, await self._server.post(path, body), tools))
        except (NoDecision, RequestRejected, ServerFault) as error:
            return Decided(None, str(error))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._server.aclose()


def make_decider(
    settings: Regenerate, *, transport: httpx.AsyncBaseTransport | None = None
) -> Decider:
    """Return the model that the settings name. Nothing is connected to yet.

    Raises:
        ValueError: the settings can't work; one line that says which and why.
    """
    if not settings.url or not settings.model:
        raise ValueError("regenerate.url and regenerate.model are not set: nobody could be asked")
    server = ModelJudge(
        kind=settings.kind,
        name="regenerate",
        url=settings.url,
        model=settings.model,
        transport=settings.transport,
        timeout=settings.timeout,
        api_key_file=Path(settings.api_key_file) if settings.api_key_file else None,
    )
    return Decider(make_server(server, transport=transport), settings)
