"""The topics by name: what flows, keyed by what."""

from __future__ import annotations

from typing import Final

ENTRIES: Final = "entries"
TOOLS: Final = "tools"
TURNS: Final = "turns"
REACTIONS: Final = "reactions"
CANDIDATES: Final = "candidates"
JUDGEMENTS: Final = "judgements"
VERDICTS: Final = "verdicts"
PAIRS: Final = "pairs"
REVIEWS: Final = "reviews"
GENERATIONS: Final = "generations"
TRAINING: Final = "training"
DEADLETTERS: Final = "deadletters"

TOPICS: Final = (
    ENTRIES,
    TOOLS,
    TURNS,
    REACTIONS,
    CANDIDATES,
    JUDGEMENTS,
    VERDICTS,
    PAIRS,
    REVIEWS,
    GENERATIONS,
    TRAINING,
    DEADLETTERS,
)
