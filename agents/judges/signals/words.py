"""Reading the user's next message and the assistant's last words by a small lexicon.

Whole words only, and aware of negation: "not wrong" is no complaint, "not good" is one. Words that
may as well belong to a new request ("fix the broken link") only count where they speak of what was
just done.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agents.judges.signals import lexicon

READ_CHARS: Final = 600
"""How much of a message is read: people react first and ask the next thing after that."""

HOLLOW_CHARS: Final = 120
"""Longer answers say something."""

_WORD = re.compile(r"\w+")
_CLAUSE_END = re.compile(r"[.,;:!?¡¿…\n()\[\]–—]+|\s-+\s")


@dataclass(frozen=True, slots=True)
class Heard:
    """What a user's next message says of the turn before. `quote` is how it begins."""

    correction: bool = False
    thanks: bool = False
    repeated: bool = False
    quote: str = ""


def hear(text: str, request: str) -> Heard:
    """Return what the message after a turn says about it.

    A message that both thanks and complains complains.
    """
    said = text.strip()[:READ_CHARS]
    clauses = [words for clause in _CLAUSE_END.split(said) if (words := normal(clause))]
    correction = _corrects(clauses)
    praise = _praises(clauses)
    repeated = same_request(request, text)
    quote = " ".join(said.split())[:60]
    return Heard(correction, praise and not correction and not repeated, repeated, quote)


def claims_success(answer: str) -> bool:
    """Return whether the assistant's last words say it is done and admit no failure."""
    if len(answer) > 2 * READ_CHARS:
        answer = f"{answer[:READ_CHARS]} {answer[-READ_CHARS:]}"
    words = normal(answer)
    return _find(_DONE, words) and not _find(_ADMITTED, words)


def says_nothing(answer: str) -> bool:
    """Return whether an answer is punctuation alone, or announces something that does not follow.

    Such answers pass for good ones with many judges (2507.08794). A single sign like a thumb or a
    tick says something.
    """
    text = answer.strip()
    if len(text) > HOLLOW_CHARS:
        return False
    words = normal(text)
    if not words:
        return not any(unicodedata.category(char) == "So" for char in text)
    # "Backup:" alone is the heading of nothing; what has a line below it is not alone.
    announces = text.endswith((":", "：")) and len(words) <= 6 and "\n" not in text
    return announces or " ".join(words) in lexicon.HOLLOW


def same_request(request: str, again: str) -> bool:
    """Return whether a message asks for the same as the request before it.

    That is: every word of the request and little besides what insisting adds, or the same words
    but for one in seven (Jaccard index of at least 0.85). Numbers must agree, fewer than three
    words are too few to tell, and thanks do not count as words of a request.
    """
    if not again or len(again) > 4 * len(request) + 80:
        return False
    first, second = _request_words(request), _request_words(again)
    if len(first) < 3 or len(second) < 3 or _numbers(first) != _numbers(second):
        return False
    common = len(first & second)
    if common == len(first):
        return len(second - first - lexicon.INSISTING) <= len(first) // 6
    return common >= 0.85 * len(first | second)


def normal(text: str) -> list[str]:
    """Return the words of `text` in the lexicon's spelling."""
    text = text.casefold()
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _WORD.findall(text)


def _corrects(clauses: Sequence[list[str]]) -> bool:
    for number, words in enumerate(clauses[:4]):
        if len(words) == 1 and words[0] in lexicon.REFUSALS and number < 2:
            return True
        if _find(_CORRECTIONS, words):
            return True
        if _speaks_of_the_turn(number, words):
            for at, word in enumerate(words):
                if word in lexicon.BAD and not _negated(words, at):
                    return True
                if word in lexicon.GOOD and _negated(words, at):
                    return True
    return False


def _praises(clauses: Sequence[list[str]]) -> bool:
    """Whether the message opens with thanks or praise; thanks that close a request are manners."""
    for number, words in enumerate(clauses):
        opening = words if len(words) <= 4 else words[:3]
        for at, word in enumerate(opening):
            if word in lexicon.THANKS and not _negated(words, at):
                return True
        if not _reacts(words):
            return False
        if _speaks_of_the_turn(number, words) and any(
            w in lexicon.GOOD and not _negated(words, at) for at, w in enumerate(words)
        ):
            return True
    return False


def _speaks_of_the_turn(number: int, words: list[str]) -> bool:
    return (number == 0 and len(words) <= 3) or words[0] in lexicon.SUBJECTS


def _reacts(words: list[str]) -> bool:
    """Whether what comes after this clause may still be a reaction ("ok, thanks")."""
    return len(words) == 1 or words[0] in lexicon.SUBJECTS or not _JUDGING.isdisjoint(words)


def _negated(words: list[str], at: int) -> bool:
    for distance in range(1, min(3, at) + 1):
        word = words[at - distance]
        if word in lexicon.FAR_NEGATORS:
            return True
        if word in lexicon.NEAR_NEGATORS and (
            distance == 1 or words[at - distance + 1] in lexicon.SPANISH_VERBS
        ):
            return True
    return False


def _request_words(text: str) -> set[str]:
    return set(normal(text)) - lexicon.THANKS


def _numbers(words: set[str]) -> set[str]:
    return {word for word in words if any(char.isdigit() for char in word)}


def _phrases(phrases: Sequence[str]) -> re.Pattern[str]:
    alternatives = "|".join(re.escape(phrase) for phrase in sorted(phrases, key=len, reverse=True))
    return re.compile(rf" (?:{alternatives}) ")


def _find(phrases: re.Pattern[str], words: Sequence[str]) -> bool:
    return phrases.search(f" {' '.join(words)} ") is not None


_JUDGING = lexicon.GOOD | lexicon.BAD
_CORRECTIONS = _phrases(lexicon.CORRECTIONS)
_DONE = _phrases(lexicon.DONE)
_ADMITTED = _phrases(lexicon.ADMITTED)
