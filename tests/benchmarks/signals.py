"""The built-in judges: turns a second on one core.

    python -m tests.benchmarks.signals [--turns 3000]

Beside it, in the same run: reading the same turns from their bytes, which no judge can do without.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import process_time

from agents.judges.signals import SignalsJudge
from schemas.settings import SIGNALS
from schemas.turn import Turn
from tests.support.turns import make_turn


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3000)
    options = parser.parse_args()
    turns = [make_turn(n, calls=1 + n % 5, failed=n % 2) for n in range(options.turns)]
    records = [turn.to_bytes() for turn in turns]
    limit = rate(len(turns), lambda: [Turn.from_bytes(record) for record in records])
    print(f"  {'reading the turns':24} {limit:9,.0f} turns/s")
    for settings in SIGNALS:
        judge = SignalsJudge(settings)
        found = rate(len(turns), lambda judge=judge: [judge.judge_now(t).to_bytes() for t in turns])
        print(f"  {settings.name:24} {found:9,.0f} turns/s   ratio {found / limit:.2f}")


def rate(count: int, work: Callable[[], object]) -> float:
    """Return how many are worked off in a second of processor time."""
    began = process_time()
    work()
    return count / (process_time() - began)


if __name__ == "__main__":
    main()
