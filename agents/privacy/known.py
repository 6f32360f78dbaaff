"""Detectors: kingfisher's catalogue, and the rules beside this file in its format.

kingfisher (MongoDB, Apache-2.0) is taken because it is kept, knows some 500 formats (its rules
come from Betterleaks and Google's Veles), and scans in this process with Vectorscan: 200 MB/s on
session logs, where detect-secrets does 0.7. Only its scanner is used, which is offline; its
validators, which ask the providers, are never made.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import as_file, files
from typing import Any

from agents.privacy.context import weigh
from agents.privacy.span import Span

_OURS = ("format.", "loose.", "flag.", "assigned.", "weak.", "bare.", "basic.", "pairs.")

# What both know goes by one name, whichever of them sees it.
_ALIASES = {
    "generic-credential-uri": "url-password",
    "curl-auth-user": "curl-password",
    "curl-auth-header": "authorization",
    "openai-api-key": "api-key",
    "kimi-api-key": "api-key",
    "stripe-access-token": "stripe-key",
    "slack-bot-token": "slack-token",
    "slack-user-token": "slack-token",
}


@cache
def _scanner() -> Any:
    # Half a second with the compiled rules in the user's cache directory, four the first time.
    from kingfisher_sdk import Rules, Scanner

    with as_file(files(__package__) / "rules.yml") as path:
        return Scanner(Rules([path]), base64=False, dedup=False)


def find(raw: bytes, text: bytes) -> Iterator[Span]:
    """Yield the secrets in a line.

    Args:
        raw: the line, as long as `text`.
        text: what detectors see of it (`agents.privacy.shadow`); valid UTF-8 without NULs.
    """
    for finding in _scanner().scan(text):
        where = finding.location
        start, end = where["start_offset"], where["end_offset"]
        rule = finding.rule_id
        if rule.startswith(_OURS):
            yield from weigh(rule, raw, text, start, end)
        else:
            yield Span(start, end, _kind(rule))


def _kind(rule: str) -> str:
    """Return a catalogue's rule as a kind: `betterleaks.github-pat` is `github-pat`."""
    name = rule.rpartition("/")[2].rpartition(".")[2].lower()
    return _ALIASES.get(name) or "".join(char if char.isalnum() else "-" for char in name)
