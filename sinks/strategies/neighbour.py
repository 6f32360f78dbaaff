"""`neighbour`: nearly the same request, in the same tool situation. Off by default.

How near two requests are is the Jaccard index of their words and word pairs, fillers ("please",
"the") aside, as `sinks.dataset.near` computes it. Near ones are found by MinHash; each of its bands
makes groups of its own. By that alone, "book the flight to Rome" is taken for "book the flight to
Rio" as soon as enough other words stand around it, and a wrong pair does more harm than a missed
one. So besides

- both have the same arguments in the same order, and the same words that turn a meaning round
  (`sinks.strategies.arguments`);
- no word stands in place or out of place of another, since a name can be written small: one
  request is the other with at most `MOST_MORE` words left out, fillers aside;
- none of those words stands in what a call of either turn was given;
- both turns call a tool in common. That what stood before the decision that differs is equal, calls
  and results, holds for all groups (`select.departure`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from schemas.identity import digest
from schemas.settings import Pairs
from schemas.turn import Turn
from sinks.foresight import leaves
from sinks.strategies.arguments import arguments
from sinks.strategies.asked import Asked, normalised

if TYPE_CHECKING:
    from sinks.dataset.near import Sketch

BANDS: Final = 12
"""In how many ways two requests can meet: those of `sinks.dataset.near`."""

FEWEST_WORDS: Final = 3
"""With fewer words left, a request says too little by itself."""

MOST_CHARS: Final = 20_000
"""Longer requests hold what was pasted into them rather than what is asked."""

MOST_MORE: Final = 3
"""So many words may only one of the requests have. A share of a long one could be another task."""

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
_PLAIN_WORD = re.compile(r"[^\W_]+")


class _Request(NamedTuple):
    """What is compared of a request. `words` are those that carry its meaning, in order."""

    words: tuple[str, ...]
    arguments: tuple[str, ...]
    sketch: Sketch


def key(band: int, asked: Asked) -> str:
    """Return what is equal for turns whose requests meet in a band and have the same arguments, or
    an empty string for a request with too few words or too much text."""
    if len(asked.request) > MOST_CHARS:
        return ""
    request = _read(asked.request)
    if len(request.words) < FEWEST_WORDS:
        return ""
    met = request.sketch.bands[band]
    return digest("neighbour", asked.agent, asked.trigger, band, met, request.arguments)


def evidence(band: int, better: Turn, worse: Turn, rules: Pairs) -> str | None:
    """Return what speaks for a pair of two turns of a group, or None for nothing.

    Turns that meet in several bands pair in the first of them alone, so that no two groups make
    the same pair. Requests in the same words are the `same_request` strategy's.
    """
    if normalised(better.request) == normalised(worse.request):
        return None
    one, other = _read(better.request), _read(worse.request)
    both = zip(one.sketch.bands, other.sketch.bands, strict=True)
    if next((at for at, (first, second) in enumerate(both) if first == second), None) != band:
        return None
    alike = _similarity(one, other)
    if alike < rules.neighbour_similarity:
        return None
    more = _more(one.words, other.words)
    if more is None or len(more) > MOST_MORE:
        return None
    if not _given(better, worse).isdisjoint(_PLAIN_WORD.findall(" ".join(more))):
        return None
    tools = {call.name for call in better.calls} & {call.name for call in worse.calls}
    if not tools:
        return None
    return (
        f"nearly the same request ({alike:.2f}), both call {', '.join(sorted(tools))}; "
        "the prompt has the chosen turn's"
    )


@lru_cache(maxsize=256)
def _read(request: str) -> _Request:
    # numpy takes time and memory that a line without this strategy can do without.
    from sinks.dataset.near import sketch

    words = tuple(w for w in _WORD.findall(request.casefold()) if w not in FILLERS)
    return _Request(words, tuple(arguments(request)), sketch(" ".join(words)))


def _similarity(one: _Request, other: _Request) -> float:
    from sinks.dataset.near import similarity

    return similarity(one.sketch.shingles, other.sketch.shingles)


def _more(one: Sequence[str], other: Sequence[str]) -> list[str] | None:
    """Return the words that have to be left out of the longer of two requests to make the other;
    None if that does not make it."""
    short, long = sorted((one, other), key=len)
    more: list[str] = []
    at = 0
    for word in long:
        if at < len(short) and word == short[at]:
            at += 1
        else:
            more.append(word)
    return more if at == len(short) else None


def _given(*turns: Turn) -> set[str]:
    """Return the words in what the calls of turns were given."""
    texts = (leaf for turn in turns for call in turn.calls for leaf in leaves(call.arguments))
    return {word for text in texts for word in _PLAIN_WORD.findall(text.casefold())}
