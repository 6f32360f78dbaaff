"""Checks of what is reached over the network, and of the broker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from schemas.settings import Judge, ModelJudge
from streams.embedded.log import Log
from streams.embedded.records import LogError
from streams.status.checks.finding import Finding

PATIENCE = 3.0


def broker(url: str, log: Path) -> Iterator[Finding]:
    """Check that the broker answers."""
    if url != "embedded":
        yield from _kafka(url)
    elif not log.exists():
        yield Finding("ok", "broker", f"embedded; the log will be made at {log}")
    else:
        try:
            opened = Log(log)
        except LogError as error:
            yield Finding(
                "problem", "broker", str(error), "move the file away to begin with an empty log"
            )
            return
        count = len(opened.topics())
        opened.close()
        size = log.stat().st_size / 1e6
        yield Finding("ok", "broker", f"embedded; {count} topics, {size:,.0f} MB at {log}")


def judges(configured: tuple[Judge, ...]) -> Iterator[Finding]:
    """Check that each language model's server answers at all; only those configured are asked."""
    models = [judge for judge in configured if isinstance(judge, ModelJudge)]
    if not models:
        yield Finding(
            "warning",
            "judges",
            "no LLM judge is configured: turns are judged by signals only",
            "add [[judges]] to the settings to have language models judge",
        )
        return
    # Takes a tenth of a second to import, and most lines have no use for it.
    import httpx

    for judge in models:
        began = time.monotonic()
        try:
            answer = httpx.get(judge.url, timeout=PATIENCE, follow_redirects=False)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            yield Finding(
                "problem",
                f"judge {judge.name}",
                f"{judge.url} does not answer: {error or type(error).__name__}",
                "start its server, or correct its url; its turns wait for it meanwhile",
            )
        else:
            took = (time.monotonic() - began) * 1000
            # Any status will do: what stands at the root of a model server is its own affair.
            yield Finding(
                "ok",
                f"judge {judge.name}",
                f"{judge.url} answers ({answer.status_code}, {took:.0f} ms)",
            )


def _kafka(url: str) -> Iterator[Finding]:
    import socket
    from urllib.parse import urlsplit

    for part in url.partition("://")[2].split(","):
        address = urlsplit(f"//{part}")
        try:
            with socket.create_connection((address.hostname or "", address.port or 9092), PATIENCE):
                yield Finding("ok", "broker", f"{part} accepts connections")
        except (OSError, ValueError) as error:
            yield Finding(
                "problem", "broker", f"{part} can't be reached: {error}", "start it, or correct url"
            )
