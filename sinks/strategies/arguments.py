"""What of a request is an argument, and not a way of asking.

Two requests with another argument ask for other things, however much else they have in common.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sinks.strategies.asked import normalised


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


REVERSING: Final = _words(
    "not no never none nor without except unless only but cannot",
    "nicht nie kein keine keinen ohne außer nur",
    "sin nunca jamás ni salvo",
    "pas jamais sans sauf",
)
"""Words that turn the meaning of those around them; so does what ends in "n't"."""

_QUOTED = re.compile(r"\"[^\"]+\"|“[^”]+”|„[^“”]+[“”]|«[^»]+»|`[^`]+`|(?<!\w)['‘][^'’]+['’](?!\w)")
_LITERAL = re.compile(r"[\d@/\\_:=#~$%&+.]|^-")
_AROUND = ".,;:!?…\"'“”„«»‘’`()[]{}<>"
_SENTENCE_ENDS = (".", "!", "?", ":", "…")


def arguments(request: str) -> Iterator[str]:
    """Yield what of a request is an argument, without case, in order.

    That is: quoted texts; then words with a number in them or a mark of paths, addresses, dates and
    options; words written like names; and words that turn a meaning round.
    """
    for quoted in _QUOTED.findall(request):
        yield normalised(quoted[1:-1])
    for line in request.splitlines():
        begins = True
        for token in line.split():
            word = token.strip(_AROUND)
            plain = word.casefold().replace("’", "'")
            if (
                _LITERAL.search(word)
                or plain in REVERSING
                or plain.endswith("n't")
                or _is_name(word, begins=begins)
            ):
                yield plain
            begins = token.endswith(_SENTENCE_ENDS)


def _is_name(word: str, *, begins: bool) -> bool:
    """Say whether a word is written like a name; the first of a sentence has a capital anyway."""
    if re.split("['’]", word)[0] == "I":
        return False
    return any(letter.isupper() for letter in (word[1:] if begins else word))
