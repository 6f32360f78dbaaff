"""What stands where a secret stood: `<secret:github-pat:1f0c9a3e>`, or `<personal:email:...>`.

The last part is a tag: the same secret has the same one wherever it stands, so that a text in
which it comes twice still makes sense. It is a keyed digest, and the key never leaves the machine:
who has the text but not the key can't try out what the secret was.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, Literal

Family = Literal["secret", "personal"]

TAG_BYTES: Final = 4
"""Length of a tag before hex encoding. Two of 10,000 secrets share one with p = 0.01; nothing
but the reader's eye depends on it."""

_LONGEST: Final = 128
"""More characters than any placeholder has; no kind's name comes near."""

PLACEHOLDER: Final = re.compile(r"<(?:secret|personal):([a-z0-9-]+):[0-9a-f]{8}>")


def placeholder(family: Family, kind: str, tag: bytes) -> str:
    """Return what stands for a secret of this kind; it holds nothing that JSON would escape."""
    return f"<{family}:{kind}:{tag.hex()}>"


def cut_before(text: str, at: int) -> int:
    """Return where to cut a text at `at` or, where that goes through a placeholder, before it."""
    through = _through(text, at)
    return at if through is None else through.start()


def cut_behind(text: str, at: int) -> int:
    """Return where to cut a text at `at` or, where that goes through a placeholder, behind it."""
    through = _through(text, at)
    return at if through is None else through.end()


def _through(text: str, at: int) -> re.Match[str] | None:
    for match in PLACEHOLDER.finditer(text, max(0, at - _LONGEST), max(0, at) + _LONGEST):
        if match.start() < at < match.end():
            return match
    return None


def count_placeholders(text: str) -> Counter[str]:
    """Return by kind how many secrets were replaced in a text."""
    return Counter(match[1] for match in PLACEHOLDER.finditer(text))
