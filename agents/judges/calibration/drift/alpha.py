"""Krippendorff's alpha without numpy, which the running line does not load."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence


def ordinal_alpha(turns: Iterable[Sequence[float]]) -> float | None:
    """Return Krippendorff's alpha for ordinal data over the scores of each turn.

    From the coincidence matrix of Krippendorff (2011): each ordered pair of scores in a turn with
    m of them counts 1 / (m - 1); the squared distance of two ranks c < k is
    (n_c / 2 + n_c+1 + ... + n_k / 2)^2.

    Returns:
        None where no turn has two scores, or where all scores are the same.
    """
    coincidences: defaultdict[tuple[float, float], float] = defaultdict(float)
    for scores in turns:
        if len(scores) < 2:
            continue
        counts = Counter(scores)
        for c, of_c in counts.items():
            for k, of_k in counts.items():
                pairs = of_c * (of_c - 1) if c == k else of_c * of_k
                coincidences[c, k] += pairs / (len(scores) - 1)
    totals: defaultdict[float, float] = defaultdict(float)
    for (c, _), count in coincidences.items():
        totals[c] += count
    ranks = _ranks(totals)
    n = sum(totals.values())
    observed = sum(count * (ranks[c] - ranks[k]) ** 2 for (c, k), count in coincidences.items())
    expected = sum(
        totals[c] * totals[k] * (ranks[c] - ranks[k]) ** 2 for c in totals for k in totals
    )
    return 1 - observed * (n - 1) / expected if expected > 0 else None


def _ranks(totals: dict[float, float]) -> dict[float, float]:
    """Return the middle of each value in the sorted line of all values.

    The distance of two ranks is the difference of their middles: the sum from c to k less half of
    both ends.
    """
    ranks = {}
    below = 0.0
    for value in sorted(totals):
        ranks[value] = below + totals[value] / 2
        below += totals[value]
    return ranks
