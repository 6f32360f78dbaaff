"""Agreement of any number of judges, with gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def krippendorff_alpha(
    scores: Mapping[str, Mapping[str, float]], turns: Sequence[str]
) -> float | None:
    """Return Krippendorff's alpha for ordinal data: 1 is full agreement, 0 is chance.

    1 - observed / expected disagreement (Krippendorff 2011, "Computing Krippendorff's
    alpha-reliability"), by the `krippendorff` library. He asks for 0.8, and for 0.667 where
    conclusions may be tentative.

    Args:
        scores: for each judge, its score of each turn it scored.
        turns: the turns to compare on.

    Returns:
        None where no turn has two scores, or where all scores are the same.
    """
    import krippendorff
    import numpy as np

    rows = [[judged.get(turn, np.nan) for turn in turns] for judged in scores.values()]
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(turns))
    pairable = (~np.isnan(table)).sum(axis=0) >= 2
    table = table[:, pairable]
    if table.size == 0 or np.unique(table[~np.isnan(table)]).size < 2:
        return None
    return float(krippendorff.alpha(table, level_of_measurement="ordinal"))
