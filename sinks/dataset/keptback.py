"""The prompts that are kept back, so that nothing like them is trained on.

They are noted while examples are chosen (`KeptBack`), saved once, and looked up from there by
whichever process writes rows (`Index`), many rows at a time.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np

from sinks.dataset.near import BANDS, Sketch, similarity
from sinks.dataset.split import SPLITS, Split

NEAR: Final = 0.8
"""Prompts with this Jaccard index of their words and word pairs are near duplicates."""

CROWDED: Final = 128
"""Where more texts than that meet in a band, they are taken for near duplicates unseen."""


class KeptBack:
    """Notes prompts, 100 bytes and 4 for each shingle."""

    def __init__(self) -> None:
        self._splits = array("B")
        self._names = array("Q")
        self._bands = array("Q")
        self._shingles = array("I")
        self._ends = array("Q")

    def add(self, split: Split, sketch: Sketch) -> None:
        """Note a prompt, unless it is trained on."""
        if split == "train":
            return
        shingles = array("I", sketch.shingles)
        self._splits.append(SPLITS.index(split))
        self._names.append(_name(SPLITS.index(split), shingles))
        self._bands.extend(sketch.bands)
        self._shingles.extend(shingles)
        self._ends.append(len(self._shingles))

    def save(self, folder: Path) -> None:
        """Write what `Index` reads."""
        folder.mkdir(parents=True, exist_ok=True)
        # The same text in the same split counts once.
        _, once = np.unique(np.asarray(self._names, dtype=np.uint64), return_index=True)
        bands = np.asarray(self._bands, dtype=np.uint64).reshape(-1, BANDS)[once].ravel()
        order = np.argsort(bands, kind="stable")
        for name, values in (
            ("keys", bands[order]),
            ("texts", once[order // BANDS] if len(once) else order),
            ("splits", np.asarray(self._splits, dtype=np.uint8)),
            ("ends", np.asarray(self._ends, dtype=np.uint64)),
            ("shingles", np.asarray(self._shingles, dtype=np.uint32)),
        ):
            np.save(folder / f"{name}.npy", values)


class Index:
    """The prompts that were noted, by their bands.

    Args:
        folder: where `KeptBack` saved them.
    """

    def __init__(self, folder: Path) -> None:
        # Mapped and not read: what is never looked at takes no memory, and processes share it.
        self._keys, self._texts, self._splits, self._ends, self._shingles = (
            np.load(folder / f"{name}.npy", mmap_mode="r")
            for name in ("keys", "texts", "splits", "ends", "shingles")
        )

    def leaks(self, examples: Sequence[tuple[Split, Sketch]]) -> list[bool]:
        """Say of each example whether something like it is kept back in a split that wins."""
        if not examples or not len(self._keys):
            return [False] * len(examples)
        bands = np.array([sketch.bands for _, sketch in examples], dtype=np.uint64)
        low = np.searchsorted(self._keys, bands, side="left")
        high = np.searchsorted(self._keys, bands, side="right")
        found = [False] * len(examples)
        for at in np.flatnonzero((high > low).any(axis=1)).tolist():
            split, sketch = examples[at]
            found[at] = self._leaks(SPLITS.index(split), sketch, low[at], high[at])
        return found

    def _leaks(self, own: int, sketch: Sketch, low: Any, high: Any) -> bool:
        looked_at: set[int] = set()
        for first, end in zip(low.tolist(), high.tolist(), strict=True):
            met = [text for text in self._texts[first:end].tolist() if self._splits[text] < own]
            crowd = Counter(int(self._splits[text]) for text in met)
            if max(crowd.values(), default=0) > CROWDED:
                return True
            for text in met:
                if text not in looked_at:
                    looked_at.add(text)
                    if similarity(self._of(text), sketch.shingles) >= NEAR:
                        return True
        return False

    def _of(self, text: int) -> list[int]:
        start = int(self._ends[text - 1]) if text else 0
        shingles: list[int] = self._shingles[start : int(self._ends[text])].tolist()
        return shingles


@lru_cache(maxsize=1)
def index_in(folder: Path) -> Index:
    """Return the index of a folder, opened once in each process."""
    return Index(folder)


def _name(split: int, shingles: array[int]) -> int:
    said = blake2b(shingles.tobytes(), digest_size=8, salt=bytes([split])).digest()
    return int.from_bytes(said, "little")
