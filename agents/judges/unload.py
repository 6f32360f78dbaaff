"""Having an Ollama give the memory of a model back."""

from __future__ import annotations

import asyncio
from typing import Final

import httpx

from agents.judges.clients import JsonServer
from agents.judges.clients.wire import RequestRejected
from agents.judges.factory import make_server
from schemas.settings import ModelJudge

LOOK_EVERY: Final = 0.5


async def unload(config: ModelJudge, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
    """Have a judge's Ollama unload its model, and return once it is out of its memory.

    Asks through the judge's own transport.

    Raises:
        JudgeUnavailable: the server is not there, so that it holds nothing either.
        ServerFault: it fails.
        RequestRejected: it is no Ollama.
        ValueError: the judge's settings can't work.
    """
    server = make_server(config, transport=transport)
    try:
        if not await _is_loaded(server, config.model):
            return
        await server.post("/api/generate", {"model": config.model, "keep_alive": 0})
        while await _is_loaded(server, config.model):  # noqa: ASYNC110 - the server does not tell
            await asyncio.sleep(LOOK_EVERY)
    finally:
        await server.aclose()


async def _is_loaded(server: JsonServer, model: str) -> bool:
    listed = (await server.get("/api/ps")).get("models")
    if not isinstance(listed, list):
        raise RequestRejected(f"{server.url} does not answer as Ollama does", 200)
    names = [each.get("name") for each in listed if isinstance(each, dict)]
    # Ollama's names have a tag, which may be left out where it is this one.
    return bool({model, f"{model}:latest"} & set(names))
