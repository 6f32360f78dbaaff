"""Whether a value that stands where a secret would is one."""

from __future__ import annotations

import re
from base64 import b64decode
from math import log2

_BLANKS = re.compile(
    r"""(?ix)
    < .* | \$ .* | %\(?\w+\)?s? | \{+ .* | \[ .* | [*x.•?_-]+ | \.\.\. .* | %\w+% | @\w+\b.*
    | (?:your|my|the|some|any|new|old|this)[_ -][a-z_ -]*
    | \w*(?:example|placeholder|redacted|changeme|change_me|dummy|sample)\w*
    """
)
"""What documentation and code write in place of a secret."""

_WORDS = frozenset(
    (  # noqa: SIM905 - seventy strings would stand on lines of their own
        "null none nil true false undefined nan string str text bytes int integer number boolean "
        "bool object array any optional required default empty hidden unset password passwd "
        "passphrase pwd secret token key apikey value input field username user login incorrect "
        "wrong invalid correct expired missing needed stored saved changed reset here there this "
        "that what only return const let var function async await"
    ).split()
)

_CODE = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|->|::)[A-Za-z_$][\w$]*)*(?:[(\[].*|[?!]?)|[\w.]+\(.*")
"""A name, an attribute or a call: what stands there is computed, not written down."""

_WORD = re.compile(r"[A-Za-z]+|[a-z]+\d{0,2}|\d{1,4}|[a-f]?\d?")
_THOUGHT_UP = re.compile(r"[A-Za-z_]+\d\w*[!?]*")
_ALGORITHM = re.compile(r"(?i)(?:sha|aes|base|utf|argon|pbkdf|hmac|pkcs|x)_?\d")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SPLIT = re.compile(r"[-_./:%~=+]")


def entropy(text: str) -> float:
    """Return the Shannon entropy of a text in bits a character."""
    size = len(text)
    counts = [text.count(char) for char in set(text)]
    return -sum(count / size * log2(count / size) for count in counts)


def is_blank(value: str) -> bool:
    """Whether a value only marks where a secret would stand, or says in which file it does."""
    return (
        value.lower() in _WORDS
        or value.startswith(("/", "~/", "./", "../"))
        or _BLANKS.fullmatch(value) is not None
    )


def is_code(value: str) -> bool:
    """Whether a value that is not quoted reads as an expression of a program."""
    return _CODE.fullmatch(value) is not None


def is_worded(value: str) -> bool:
    """Whether a value is words and short numbers joined, as names and versions are."""
    return all(_WORD.fullmatch(part) for part in _SPLIT.split(value) if part)


def is_user_and_password(value: str) -> bool:
    """Whether a value is base64 of `user:password` (RFC 7617), with or without its padding."""
    try:
        text = b64decode(value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4)).decode()
    except ValueError:
        return False
    user, _, password = text.partition(":")
    return bool(user and password) and text.isprintable()


def looks_chosen(value: str) -> bool:
    """Whether a value without quotes can be a password: no plain word, no number alone."""
    kinds = (
        any(char.isalpha() for char in value),
        any(char.isdigit() for char in value),
        any(not char.isalnum() and char not in ".,:;!?()" for char in value),
    )
    return sum(kinds) >= 2


def looks_thought_up(value: str) -> bool:
    """Whether a value is a word with digits, as persons choose, and no name of an algorithm."""
    return _THOUGHT_UP.fullmatch(value) is not None and _ALGORITHM.match(value) is None


def looks_made(value: str) -> bool:
    """Whether a value that could be a name has letters of both cases and digits, as passwords
    that must have all of them."""
    return (
        len(value) >= 8
        and any(char.isdigit() for char in value)
        and not value.islower()
        and not value.isupper()
    )


def looks_random(value: str) -> bool:
    """Whether a value can have come from a generator: not words, not a path, not a number.

    A word is what has no digits in it; names and versions are words and short numbers joined.
    """
    if _UUID.fullmatch(value):
        # Ids are written so: of sessions, runs, messages. The few keys that are, their own
        # formats' rules know.
        return False
    if value.isdigit() or not any(char.isdigit() for char in value):
        # Base64 of 24 letters has no digit once in 60; shorter ones are too often names.
        mixed = value.isalnum() and not value.islower() and not value.isupper()
        return mixed and len(value) >= 24 and entropy(value) >= 4.0
    return not is_worded(value) and entropy(value) >= 2.8
