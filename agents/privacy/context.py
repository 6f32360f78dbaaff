"""Findings of the rules that go by what stands before a value, weighed by the value itself.

The weights, by the first part of a rule's id:
    format    the pattern alone tells: everything is a secret
    loose     a place where only secrets stand: all but what marks an empty place
    flag      an argument of a command: all but variables and what marks an empty place
    assigned  a name says password: in quotes or after an environment variable's name as `flag`,
              elsewhere only what no program and no prose would have there
    weak      a name says token, key or secret: only what looks random, and no page of a list
    bare      an `Authorization` without its scheme, a short API key: all but words
    basic     base64 of a user and a password
    pairs     cookies: each value of the list that looks random
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.privacy.span import Span
from agents.privacy.values import (
    is_blank,
    is_code,
    is_user_and_password,
    is_worded,
    looks_chosen,
    looks_made,
    looks_random,
    looks_thought_up,
)

_BEFORE = 96
_QUOTE = re.compile(rb"(\\*)([\"'])$")
_ENVIRONMENT = re.compile(rb"(?:^|[^A-Za-z0-9_])[A-Z][A-Z0-9_]*= ?[\"']?$")
_FLAG = re.compile(rb"--?[A-Za-z][A-Za-z-]*= ?[\"']?$")
_QUERY = re.compile(rb"[?&][\w.-]+=$")
# Not in capitals: `PAGE_TOKEN` in an environment is the key to a page.
_PAGE = re.compile(
    rb"(?:[nN]ext|[pP]age|[cC]ontinuation|[pP]agination|[sS]tarting)[_-]?"
    rb"(?:[pP]age|[sS]ync|[cC]ontinuation)?[_-]?[tT]oken[\"' \]]{0,24}"
    rb"(?:=>|:=|[:=, ])[\"' ]{0,24}$"
)
_LABEL = re.compile(
    rb"(?i)(?:^|[\s\"'/,;])[a-z0-9_.-]{0,40}(?:password|passwd|pwd|psk)(?:: {0,4}|=)$"
)
_LAST_OF_LINE = re.compile(rb"\.? *(?:[\n\"']|$)")
_VARIANT = re.compile(r"-(?:told|short|line|hex|putty)$")
_TRAIL = b",;:.)]}`"
_QUERY_END = re.compile(rb"[&#]")
_COOKIE = re.compile(rb"([A-Za-z0-9_.%-]+)=([^;\s\"'\\,]{6,4096})")
_ATTRIBUTES = frozenset([b"path", b"domain", b"expires", b"max-age", b"samesite", b"priority"])
_LONGEST = 4096

SHORTEST = 4
"""Characters of a password from which on it is told from the rest of the text."""

SHORTEST_LABELLED = 6
"""Characters of one that only a label before it tells."""


def weigh(rule: str, raw: bytes, text: bytes, start: int, end: int) -> Iterator[Span]:
    """Yield what of a finding is a secret.

    Args:
        rule: the id of the rule, `weight.kind`.
        raw: the line.
        text: the line as the rule saw it.
        start, end: the bytes that the rule takes for the value.
    """
    weight, kind = rule.split(".", 1)
    kind = _VARIANT.sub("", kind)
    if weight == "format":
        yield Span(start, end, kind)
    elif weight == "pairs":
        for match in _COOKIE.finditer(raw, start, end):
            if match[1].lower() not in _ATTRIBUTES and _is_cookie(match[2]):
                yield Span(match.start(2), match.end(2), kind)
    else:
        yield from _value(weight, kind, raw, text, start, end)


def _is_cookie(value: bytes) -> bool:
    text = value.decode("latin-1")
    return not is_blank(text) and looks_random(text)


def _value(weight: str, kind: str, raw: bytes, text: bytes, start: int, end: int) -> Iterator[Span]:
    quoted = _closing(raw, raw[max(0, start - _BEFORE) : start], start)
    before = text[max(0, start - _BEFORE) : start]
    end = quoted if quoted and weight != "loose" else _trimmed(raw, before, start, end)
    value = raw[start:end].decode("latin-1")
    if not value or is_blank(value):
        return
    counts = _counts(weight, value, before, quoted=quoted is not None)
    labelled = weight == "assigned" and quoted is None and _is_labelled(value, before, text, end)
    if counts or labelled:
        yield Span(start, end, kind)


def _is_labelled(value: str, before: bytes, text: bytes, end: int) -> bool:
    """Whether a line ends in `passwd: hunter2` without a comma or a bracket: no program's does."""
    return (
        len(value) >= SHORTEST_LABELLED
        and looks_thought_up(value)
        and _LABEL.search(before) is not None
        and _LAST_OF_LINE.match(text, end) is not None
    )


def _counts(weight: str, value: str, before: bytes, *, quoted: bool) -> bool:
    if weight == "weak":
        return looks_random(value) and _PAGE.search(before) is None
    if weight == "bare":
        return looks_random(value) or not is_worded(value)
    if weight == "basic":
        return is_user_and_password(value)
    if weight == "assigned":
        if len(value) < SHORTEST:
            return False
        if quoted:
            return " " not in value.strip() or looks_chosen(value.replace(" ", ""))
        if _ENVIRONMENT.search(before) or _FLAG.search(before):
            return "(" not in value
        return looks_chosen(value) and (not is_code(value) or looks_made(value))
    return True


def _closing(raw: bytes, before: bytes, start: int) -> int | None:
    """Return where the string ends that the value begins, or None where it begins none.

    In JSON within JSON a quote has as many backslashes as it is deep; one with more is inside.
    """
    match = _QUOTE.search(before)
    if match is None:
        return None
    closing = re.compile(rb"(?<!\\)" + re.escape(match[0])) if match[1] else None
    if closing is None:
        closing = re.compile(rb"(?<!\\)(?:\\\\)*+" + match[2]) if match[2] == b'"' else None
        if closing is None:
            closing = re.compile(rb"'")
    found = closing.search(raw, start, start + _LONGEST)
    if found is None:
        return None
    # A password that ends in backslashes keeps them.
    return found.end() - len(match[0])


def _trimmed(raw: bytes, before: bytes, start: int, end: int) -> int:
    """Return where a value without quotes ends: punctuation behind it is none of it."""
    if _QUERY.search(before):
        stop = _QUERY_END.search(raw, start, end)
        end = stop.start() if stop else end
    while end > start and raw[end - 1] in _TRAIL:
        end -= 1
    return end
