"""From settings to a judge."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any, Final, Literal

import httpx

from agents.judges.clients import Client, JsonServer, OllamaClient, OpenAIClient
from agents.judges.contract import Judge
from agents.judges.llm import ModelJudge
from agents.judges.rubric import answer_schema, rubric_text
from agents.judges.signals import SignalsJudge
from agents.judges.transports import CurlTransport
from schemas.settings import ModelJudge as ModelSettings
from schemas.settings import SignalsJudge as SignalsSettings

CHARS_PER_TOKEN: Final = 3
"""Cautious for transcripts with code in them; a turn with fewer characters to the token (Chinese,
base64) that does not fit is noticed and shortened."""

CONTEXT_STEP: Final = 1024


def make_judge(
    config: SignalsSettings | ModelSettings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    backoff: float = 0.5,
) -> Judge:
    """Return the judge that `config` describes. Nothing is connected to yet.

    `transport` carries a language model's requests in place of the one that `config` names.
    `backoff` is the first wait between two attempts at a busy server, in seconds.

    Raises:
        ValueError: the settings can't work; one line that says which and why.
    """
    if isinstance(config, SignalsSettings):
        return SignalsJudge(config)
    rubric_text(config.rubric)
    return ModelJudge(
        make_client(config, answer_schema(), transport=transport, backoff=backoff),
        name=config.name,
        model=config.model,
        rubric=config.rubric,
        concurrency=config.concurrency,
        max_tokens=config.max_tokens,
        max_tokens_cap=config.max_tokens_cap,
        prompt_chars=config.prompt_chars,
        # As long as an answer: a model of 70 GB is loaded at the first question.
        probe_seconds=config.timeout,
    )


def make_client(
    config: ModelSettings,
    schema: Mapping[str, Any],
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    backoff: float = 0.5,
) -> Client:
    """Return a client of a language model whose answers are of a JSON schema. See `make_judge`.

    Raises:
        ValueError: the settings can't work; one line that says which and why.
    """
    server = make_server(config, transport=transport, backoff=backoff)
    structured = {"auto": None, "on": True, "off": False}[config.structured]
    if config.kind == "ollama":
        return OllamaClient(
            server,
            config.model,
            num_ctx=context_tokens(config),
            schema=schema,
            think=_THINK[config.think],
            structured=structured,
            keep_alive=config.keep_alive,
        )
    return OpenAIClient(server, config.model, schema=schema, structured=structured)


def make_server(
    config: ModelSettings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    backoff: float = 0.5,
) -> JsonServer:
    """Return the server of a language model. See `make_judge`.

    Raises:
        ValueError: the settings can't work; one line that says which and why.
    """
    if transport is None and config.transport == "curl":
        transport = CurlTransport()
    return JsonServer(
        base_url(config),
        seconds=config.timeout,
        connections=config.concurrency,
        api_key=_api_key(config),
        transport=transport,
        backoff=backoff,
    )


def base_url(config: ModelSettings) -> str:
    """Return the address that the API's paths are appended to.

    Raises:
        ValueError: `url` is no address of an HTTP server.
    """
    try:
        url = httpx.URL(config.url)
    except httpx.InvalidURL as error:
        raise ValueError(f"judge {config.name!r}: url {config.url!r}: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(
            f"judge {config.name!r}: url {config.url!r} must be like http://spark1:11434"
        )
    base = str(url.copy_with(query=None, fragment=None)).rstrip("/")
    if config.kind == "ollama":
        return base.removesuffix("/v1").removesuffix("/api")
    return base if base.endswith("/v1") else f"{base}/v1"


def context_tokens(config: ModelSettings) -> int:
    """Return the context that Ollama is asked for: the rubric, the longest prompt, the question
    asked again and the longest answer, rounded up to a whole step."""
    if config.context_tokens:
        return config.context_tokens
    chars = len(rubric_text(config.rubric)) + config.prompt_chars + 5_000
    tokens = ceil(chars / CHARS_PER_TOKEN) + max(config.max_tokens, config.max_tokens_cap)
    return ceil(tokens / CONTEXT_STEP) * CONTEXT_STEP


_THINK: dict[str, bool | Literal["low", "medium", "high"] | None] = {
    "auto": None,
    "on": True,
    "off": False,
    "low": "low",
    "medium": "medium",
    "high": "high",
}


def _api_key(config: ModelSettings) -> str:
    if config.api_key is not None:
        return config.api_key.get_secret_value()
    if config.api_key_file is None:
        return ""
    file: Path = config.api_key_file.expanduser()
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"judge {config.name!r}: api_key_file {file}: {error}") from error
