"""Replacing what the detectors find."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from agents.privacy import known, personal
from agents.privacy.shadow import Unescaped, has_escaped_letters, plain, shadow
from agents.privacy.span import Span, beside, merge, within_strings
from schemas.redaction import PLACEHOLDER, TAG_BYTES, placeholder

KEY_BYTES = 32

SHORTEST_REPEAT = 8
"""Bytes of a secret from which on it is also replaced where only its repetition shows it."""

_SAME = re.compile(rb"(?:\\+[nrt]|\\+|\s)+")
_PLACEHOLDER = re.compile(PLACEHOLDER.pattern.encode())


class Redacted(NamedTuple):
    """A line with placeholders, and how many by kind; without any, the very line."""

    data: bytes
    counts: dict[str, int]


class Redactor:
    """Replaces secrets, and personal data of the kinds named, by placeholders.

    A function of the line and the key alone: a line that is read again gives the same bytes.

    Args:
        key: makes the tags in the placeholders; `KEY_BYTES` long, kept where the log is.
        secrets: whether secrets are replaced.
        personal: kinds of personal data (`PERSONAL_KINDS`).
    """

    def __init__(self, key: bytes, *, secrets: bool = True, personal: Sequence[str] = ()) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key of the placeholders has {len(key)} bytes, not {KEY_BYTES}")
        self._key = key
        self._secrets = secrets
        self._personal = tuple(personal)

    def finds_nothing(self, lines: Sequence[bytes]) -> bool:
        """Whether all lines would pass as they are; False if only a look at each will tell.

        A call of the scanner costs as much as a kilobyte of text, and most lines are short: looked
        at together they take a third of the time. Each is an object of JSON, so that nothing that
        could be a secret begins in one of them and ends in the next.
        """
        return next(iter(self._find(b"\n".join(lines))), None) is None

    def line(self, line: bytes) -> Redacted:
        """Redact one line of JSON; its structure stays as it is, whatever is found."""
        return self._redact(line, lambda spans: within_strings(line, spans))

    def text(self, data: bytes) -> Redacted:
        """Redact bytes that are no JSON, or not all of it.

        What is in an encoding with NULs between its letters, and has a secret in it, is left out
        altogether: it can't be replaced in place.
        """
        if b"\0" in data and self._redact(data.replace(b"\0", b""), list).counts:
            return Redacted(b"", {"unreadable": 1})
        return self._redact(data, list)

    def _redact(self, line: bytes, fit: Callable[[list[Span]], list[Span]]) -> Redacted:
        found = list(self._find(line))
        if not found:
            return Redacted(line, {})
        secrets = merge(fit([span for span in found if span.family == "secret"]))
        secrets = merge([*secrets, *fit(list(_repeats(line, secrets)))])
        personal = merge(fit([span for span in found if span.family == "personal"]))
        spans = _without_placeholders(line, beside(secrets, personal))
        counts: Counter[str] = Counter()
        parts: list[bytes] = []
        at = 0
        for span in spans:
            tag = self._tag(line[span.start : span.end])
            parts += (line[at : span.start], placeholder(span.family, span.kind, tag).encode())
            at = span.end
            counts[span.kind] += 1
        parts.append(line[at:])
        return Redacted(b"".join(parts), dict(sorted(counts.items())))

    def _find(self, line: bytes) -> Iterable[Span]:
        text = shadow(line)
        # The scanner reads UTF-8; anything else it would guess at, and offsets would be off.
        if b"\0" in text or not _is_utf8(text):
            text = plain(text)
        yield from self._look(line, text)
        if has_escaped_letters(line):
            written = Unescaped(line)
            for span in self._look(written.text, shadow(written.text)):
                start, end = written.original(span.start), written.original(span.end)
                yield span._replace(start=start, end=end)

    def _look(self, line: bytes, text: bytes) -> Iterable[Span]:
        if self._secrets:
            yield from known.find(line, text)
        if self._personal:
            yield from personal.find(text, self._personal)

    def _tag(self, secret: bytes) -> bytes:
        # The same at each depth of JSON within JSON, where a PEM block has other line ends.
        same = _SAME.sub(b"", secret)
        return blake2b(
            same, key=self._key, digest_size=TAG_BYTES, person=b"clawback secret"
        ).digest()


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _repeats(line: bytes, spans: Iterable[Span]) -> Iterable[Span]:
    """Yield the other places where what was found stands as it is: OpenClaw keeps the output of a
    command twice, and an argument comes back in what the command prints."""
    for span in spans:
        secret = line[span.start : span.end]
        if len(secret) < SHORTEST_REPEAT:
            continue
        at = line.find(secret)
        while at >= 0:
            end = at + len(secret)
            if at != span.start and not _joined(line, at, end):
                yield span._replace(start=at, end=end)
            at = line.find(secret, end)


def _joined(line: bytes, start: int, end: int) -> bool:
    """Whether the bytes are a part of a longer word."""
    before, after = line[start - 1 : start], line[end : end + 1]
    # The letter of an escape such as `\n` begins no word.
    inside = before.isalnum() and line[start - 2 : start - 1] != b"\\"
    return (inside and line[start : start + 1].isalnum()) or (
        after.isalnum() and line[end - 1 : end].isalnum()
    )


def _without_placeholders(line: bytes, spans: list[Span]) -> list[Span]:
    """Leave out what a placeholder is part of: redacting twice is redacting once."""
    if b":" not in line or _PLACEHOLDER.search(line) is None:
        return spans
    taken = [match.span() for match in _PLACEHOLDER.finditer(line)]
    return [
        span
        for span in spans
        if not any(start < span.end and span.start < end for start, end in taken)
    ]
