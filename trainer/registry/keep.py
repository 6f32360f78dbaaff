"""Putting together the directory of a model from what its run and its snapshot left."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from trainer.job import DONE, METRICS, MODEL, TOKENS
from trainer.registry.card import DECISION, PLAN, Card, Code, Seat, make_card
from trainer.registry.files import READ_ONLY, link, link_tree, put, sha256, sync_tree

CARD: Final = "card.json"
KEPT: Final = (
    "job.json", DONE, PLAN, METRICS, TOKENS, DECISION, "gate/evidence.json", "gate/report.html",
)  # fmt: skip
"""Files of a run that go with its model."""


def keep(folder: Path, run: Path, snapshot: Path, judges: tuple[Seat, ...], code: Code) -> Card:
    """Fill a model's directory, durably, and return its card.

    Args:
        folder: the directory, empty.
        run: the folder of the finished run.
        snapshot: the directory that it was trained on.
        judges: who sat on the panel that made the snapshot.
        code: what trained it.

    Raises:
        OSError, ValueError, KeyError: a file that must be there is not, is not what it should be,
            or can't be kept.
    """
    weights = folder / MODEL
    link_tree(run / MODEL, weights)
    files = {
        str(path.relative_to(weights)): sha256(path)
        for path in sorted(weights.rglob("*"))
        if path.is_file()
    }
    if not files:
        raise ValueError(f"there are no weights in {MODEL}/")
    card = make_card(run, snapshot, files, judges, code)
    for name in KEPT:
        if (run / name).exists():
            link(run / name, folder / "run" / name)
    for name in ("manifest.json", "lineage.json"):
        link(snapshot / name, folder / "snapshot" / name)
    put(folder / CARD, card.model_dump_json(indent=2).encode() + b"\n")
    (folder / CARD).chmod(READ_ONLY)
    sync_tree(folder)
    return card
