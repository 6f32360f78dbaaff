"""Stretches of a line that are to be replaced, and how they fit into its JSON strings."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.redaction import Family

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
_LONGEST_ESCAPE = 6


class Span(NamedTuple):
    """Bytes [start, end) of a line that are a secret or personal data of this kind."""

    start: int
    end: int
    kind: str
    family: Family = "secret"


def merge(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order and without overlaps.

    Those that overlap become one that covers them all and is of the kind of the longest, of two
    equally long ones the first by name: several detectors know the same key. Secrets and personal
    data are merged each for themselves, and then go through `beside`.
    """
    merged: list[Span] = []
    longest = 0
    for span in sorted(spans):
        length = span.end - span.start
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            if (-length, span.kind) < (-longest, last.kind):
                last, longest = last._replace(kind=span.kind), length
            merged[-1] = last._replace(end=max(last.end, span.end))
        else:
            merged.append(span)
            longest = length
    return merged


def beside(secrets: Sequence[Span], personal: Sequence[Span]) -> list[Span]:
    """Return the secrets and the personal data that touches none of them, in order.

    What looks like an e-mail address around `password@host` is no personal data: its secret part
    decides. So what is found of secrets does not depend on whether personal data is looked for.

    Args:
        secrets, personal: each in order and without overlaps, as `merge` returns them.
    """
    kept = list(secrets)
    ends = [span.end for span in secrets]
    for span in personal:
        at = bisect_right(ends, span.start)
        if at == len(secrets) or secrets[at].start >= span.end:
            kept.append(span)
    return sorted(kept)


def within_strings(line: bytes, spans: Sequence[Span]) -> list[Span]:
    """Return the part of each span that lies in the first string it touches, if it touches one.

    Nothing but the inside of a string is ever replaced, and no escape sequence is cut: the line
    stays JSON of the same structure. An escape that is half in a span is wholly in the result.

    Args:
        line: one JSON value.
        spans: may overlap.
    """
    found: list[Span] = []
    if not spans:
        return found
    strings = ((match.start() + 1, match.end() - 1) for match in _STRING.finditer(line))
    string = next(strings, None)
    for span in sorted(spans):
        while string is not None and string[1] <= span.start:
            string = next(strings, None)
        if string is None:
            break
        if string[0] < span.end:
            start = _escape_start(line, max(span.start, string[0]), string[0])
            end = _escape_end(line, start, min(span.end, string[1]))
            found.append(span._replace(start=start, end=end))
    return found


def _escape_start(line: bytes, at: int, lowest: int) -> int:
    """Return where the escape begins that `at` is inside of, or `at`."""
    for back in range(1, _LONGEST_ESCAPE):
        start = at - back
        if start < lowest or line[start] != 0x5C:
            continue
        run = start
        while run > lowest and line[run - 1] == 0x5C:
            run -= 1
        if (start - run) % 2 == 0:
            match = _ESCAPE.match(line, start)
            return start if match is not None and match.end() > at else at
    return at


def _escape_end(line: bytes, start: int, end: int) -> int:
    """Return `end`, or the end of the escape that begins before it and goes on behind it."""
    at = max(start, end - _LONGEST_ESCAPE)
    at = _escape_start(line, at, start)
    while at < end:
        match = _ESCAPE.match(line, at)
        at = match.end() if match else at + 1
    return at
