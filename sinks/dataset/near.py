"""Near-duplicate prompts, found by MinHash without comparing all with all.

Signatures of 48 permutations in 12 bands of 4: two requests with a Jaccard index of 0.8 of their
words and word pairs meet in a band with probability 0.998, of 0.5 with 0.54, of 0.3 with 0.09
(Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, 3.4). Those that meet are compared.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Any, Final, NamedTuple

import numpy as np

from sinks.strategies.asked import STANDS_ALONE_BYTES, normalised

BANDS: Final = 12
ROWS: Final = 4
TEXT_CHARS: Final = 2_000
"""How much of a request is looked at."""

_UNSPACED = "\u0e00-\u0eff\u2e80-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
"""Thai and Lao, Chinese and Japanese: they are written without spaces, so each character is a word
of its own."""

_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")


def asked_in(prompt: Sequence[tuple[str, str]]) -> str:
    """Return what a prompt asks: its last user message; for one that says little by itself, with
    the message before it.

    Args:
        prompt: role and content of each message.
    """
    at = max((n for n, (role, _) in enumerate(prompt) if role == "user"), default=-1)
    if at < 0:
        return ""
    words = normalised(prompt[at][1][:TEXT_CHARS])
    if len(words.encode()) < STANDS_ALONE_BYTES and at:
        return normalised(prompt[at - 1][1][-TEXT_CHARS:]) + " " + words
    return words


class Sketch(NamedTuple):
    """What is compared of a text: its bands' keys of 64 bits, and its shingles as sorted hashes."""

    bands: list[int]
    shingles: list[int]


def similarity(one: Sequence[int], other: Sequence[int]) -> float:
    """Return the Jaccard index of two texts' shingles."""
    first, second = set(one), set(other)
    union = len(first | second)
    return len(first & second) / union if union else 1.0


def sketch(text: str) -> Sketch:
    """Return what is compared of a text."""
    return sketches([text])[0]


def sketches(texts: Sequence[str]) -> list[Sketch]:
    """Return what is compared of each text. Many together take half as long."""
    shingles = [_shingles(text) for text in texts]
    hashed = np.fromiter(chain.from_iterable(each or (0,) for each in shingles), dtype=np.uint64)
    starts = [0, *accumulate(len(each) or 1 for each in shingles[:-1])]
    signatures = np.minimum.reduceat(hashed[:, None] * _A + _B, starts)
    bands = (signatures.reshape(-1, BANDS, ROWS) * _C).sum(axis=2) + _D
    return [Sketch(*found) for found in zip(bands.tolist(), shingles, strict=True)]


def _shingles(text: str) -> list[int]:
    """Return the hashes of a text's words and word pairs, sorted."""
    words = [word.encode() for word in _WORD.findall(text)]
    hashes = [zlib.crc32(word) for word in words]
    # The hash of a pair goes on from that of its first word.
    return sorted({*hashes, *map(zlib.crc32, map(b" ".__add__, words[1:]), hashes)})


def _coefficients() -> tuple[Any, Any, Any, Any]:
    # Fixed for good: another seed would move examples between splits. Products wrap at 64 bits, and
    # with odd factors that keeps values apart (Dietzfelbinger et al., multiply-shift hashing).
    numbers = np.random.Generator(np.random.PCG64(20260324))
    top = np.iinfo(np.uint64).max
    factors = numbers.integers(1, top, BANDS * ROWS, dtype=np.uint64) | np.uint64(1)
    summands = numbers.integers(0, top, BANDS * ROWS, dtype=np.uint64)
    of_rows = numbers.integers(1, top, ROWS, dtype=np.uint64) | np.uint64(1)
    return factors, summands, of_rows, numbers.integers(0, top, BANDS, dtype=np.uint64)


_A, _B, _C, _D = _coefficients()
"""Factors and summands of the permutations; factors of a band's rows, and summands of bands."""
