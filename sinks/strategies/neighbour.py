"""`neighbour`: nearly the same request. Off by default.

Two requests are neighbours if they have the same words but for order, punctuation and fillers
("please", "the"), numbers and names included: a Jaccard index of 1 over the words that carry
meaning. Looser measures (MinHash below 1, embeddings) take "book the flight to Rome" for "book the
flight to Rio", and a wrong pair does more harm than a missed one. So the words themselves are the
group's key, and no pair of requests needs to be compared.
"""

from __future__ import annotations

import re
from typing import Final

from schemas.identity import digest
from schemas.turn import Turn
from sinks.strategies.asked import Asked, normalised

FEWEST_WORDS: Final = 3
"""With fewer words left, a request says too little by itself."""

FILLERS: Final = frozenset(
    {
        "a",
        "an",
        "the",
        "please",
        "pls",
        "can",
        "could",
        "would",
        "you",
        "will",
        "i",
        "me",
        "my",
        "to",
        "of",
        "for",
        "and",
        "just",
        "now",
        "hey",
        "hi",
        "hello",
        "ok",
        "okay",
        "thanks",
        "thank",
        "do",
    }
)

_WORD = re.compile(r"[\w@./:+-]*\w")


def key(asked: Asked) -> str:
    """Return what is equal for neighbours, or an empty string for a request with too few words."""
    words = content_words(asked.request)
    if len(words) < FEWEST_WORDS:
        return ""
    return digest("neighbour", asked.agent, asked.trigger, sorted(words))


def evidence(better: Turn, worse: Turn) -> str | None:
    """Return what speaks for a pair of two turns of a group, or None for nothing.

    Requests in the same words are the `same_request` strategy's.
    """
    if normalised(better.request) == normalised(worse.request):
        return None
    return "nearly the same request; the prompt has the chosen turn's"


def content_words(request: str) -> frozenset[str]:
    """Return the words of a request that carry its meaning."""
    return frozenset(_WORD.findall(request.casefold())) - FILLERS
