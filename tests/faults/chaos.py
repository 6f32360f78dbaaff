"""``python -m tests.faults.chaos --seed N``: one run full of faults, compared with a quiet one.

Prints the plan, so that it can be read what happened, and ends with 0 if turn files, verdicts and
pairs are byte for byte those of the undisturbed run. The same seed makes the same plan again; what
a process is doing at the moment it is killed is up to the machine.
"""

from __future__ import annotations

import argparse
import logging
import pickle
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from tests.faults.line import REPO, Line
from tests.faults.outcome import Outcome
from tests.faults.plan import DATA_SEEDS, Plan, carry_out, make
from tests.faults.writing import Sessions
from tests.support.kafka import KafkaProcess

CACHE = REPO / "var" / "faults"
ROOMS = ("schemas", "agents", "sinks", "streams", "tests/faults", "tests/support")


def undisturbed(data: int) -> Outcome:
    """Return what comes of some sessions that lie there complete and that nothing happens to.

    It is kept in var/faults until the code changes.
    """
    kept = CACHE / f"undisturbed-{data}-{_code()}.pickle"
    if kept.exists():
        outcome = pickle.loads(kept.read_bytes())
        assert isinstance(outcome, Outcome)
        return outcome
    sessions = Sessions(data)
    with tempfile.TemporaryDirectory(prefix="clawback-faults-") as name:
        folder = Path(name)
        line = Line(folder, alone=False)
        sessions.write_all(line.sessions)
        with line:
            outcome = line.finish(sessions.turn_ids(folder / "scratch"))
    CACHE.mkdir(parents=True, exist_ok=True)
    for old in CACHE.glob(f"undisturbed-{data}-*"):
        old.unlink(missing_ok=True)
    temporary = kept.with_suffix(".tmp")
    temporary.write_bytes(pickle.dumps(outcome))
    temporary.replace(kept)
    return outcome


def plan_of(seed: int, *, nodes: int = 0) -> Plan:
    """Return the plan of a seed: every third one gives each stage a process of its own."""
    alone = seed % 3 == 0
    with tempfile.TemporaryDirectory(prefix="clawback-faults-") as name:
        names = [spec.name for spec in Line(Path(name), alone=alone).plan().processes]
    steps = len(Sessions(seed % DATA_SEEDS).steps)
    return make(seed, names, steps, alone=alone, nodes=nodes)


def disturbed(plan: Plan, folder: Path, kafka: KafkaProcess | None = None) -> Outcome:
    """Carry a plan out and return what came of it."""
    sessions = Sessions(plan.data)
    turns = sessions.turn_ids(folder / "scratch")
    with Line(folder, alone=plan.alone, kafka=kafka) as line:
        line.until(lambda: bool(line.states()), "the supervisor has begun")
        carry_out(plan, sessions, line)
        return line.finish(turns)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run some seeds and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--runs", type=int, default=1, help="so many seeds from this one on")
    parser.add_argument("--broker", choices=("embedded", "kafka"), default="embedded")
    parser.add_argument("--nodes", type=int, default=1, help="of Kafka, killed now and then, too")
    parser.add_argument("--keep", action="store_true", help="keep the directory of a failure")
    options = parser.parse_args(arguments)
    # It says each tenth of a second that a node which was killed is not there.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    seeds = range(options.seed, options.seed + options.runs)
    if options.broker == "embedded":
        return _run(seeds, keep=options.keep)
    with tempfile.TemporaryDirectory(prefix="clawback-kafka-") as folder:
        kafka = KafkaProcess(Path(folder), "--nodes", str(options.nodes), "--revive", "1")
        try:
            return _run(seeds, keep=options.keep, kafka=kafka, nodes=options.nodes)
        finally:
            kafka.stop()


def _run(
    seeds: Sequence[int], *, keep: bool, kafka: KafkaProcess | None = None, nodes: int = 0
) -> int:
    failed = []
    for seed in seeds:
        plan = plan_of(seed, nodes=nodes)
        print(plan, flush=True)
        expected = undisturbed(plan.data)
        folder = Path(tempfile.mkdtemp(prefix=f"clawback-chaos-{seed}-"))
        began = time.monotonic()
        try:
            differences = disturbed(plan, folder, kafka).differences(expected)
        except AssertionError as error:
            differences = [str(error)]
        taken = time.monotonic() - began
        if differences:
            failed.append(seed)
            print(f"FAILED after {taken:.0f} s; {folder}", *differences, sep="\n  ", flush=True)
        else:
            print(f"the same bytes as undisturbed: {expected.digest}, {taken:.0f} s", flush=True)
        if not (differences and keep):
            shutil.rmtree(folder, ignore_errors=True)
    if len(seeds) > 1:
        passed = len(seeds) - len(failed)
        print(f"{passed} of {len(seeds)} seeds passed", *(f"failed: {seed}" for seed in failed))
    return 1 if failed else 0


def _code() -> str:
    hasher = blake2b(digest_size=8)
    for room in ROOMS:
        for path in sorted((REPO / room).rglob("*.py")):
            hasher.update(path.read_bytes())
    return hasher.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
