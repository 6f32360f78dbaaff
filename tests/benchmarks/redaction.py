"""What redaction finds, what it takes for a secret and is none, and how fast it is.

    python -m tests.benchmarks.redaction [MEGABYTES]

Speed stands beside a loop that only parses the same lines with orjson, in the same run on one
core. The texts: generated sessions; session lines that hold this project's own source, where
passwords and tokens are spoken of all the time; images; and where each line is replaced in,
lines of a third of a kilobyte with nothing but a secret, and the generated ones with one in each.
Behind the figures of the slower cases stands which functions took the time, from a profile.
"""

from __future__ import annotations

import base64
import cProfile
import pstats
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import orjson

from agents.privacy import PERSONAL_KINDS, Redactor
from tests.support.secrets import CONTEXTS, FORMATS, leaks, planted
from tests.support.sessions import session

ROOT = Path(__file__).parents[2]
MEGABYTES = 30
ROUNDS = 10
PROFILED = 5


def recall(redactor: Redactor) -> None:
    """Print by type how much of what is planted is found."""
    seen: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for one in planted(seed=1, rounds=ROUNDS):
        seen[one.kind] += 1
        missed[one.kind] += leaks(one, redactor.line(one.line).data)
    for title, kinds in (("known formats", FORMATS), ("known by context", CONTEXTS)):
        total, lost = sum(seen[kind] for kind in kinds), sum(missed[kind] for kind in kinds)
        print(f"{title}: {total - lost} of {total} found, {(total - lost) / total:.2%}")
        for kind in kinds:
            print(f"    {kind:24} {seen[kind] - missed[kind]:5} of {seen[kind]}")


def false_positives(redactor: Redactor, name: str, lines: Sequence[bytes]) -> None:
    """Print how many tokens of texts without secrets are replaced."""
    found: Counter[str] = Counter()
    for line in lines:
        found.update(redactor.line(line).counts)
    tokens = sum(len(line.split()) for line in lines)
    share = found.total() / tokens
    print(f"{name}: {found.total()} of {tokens} tokens replaced, {share:.4%} {dict(found)}")


def speed(redactor: Redactor, name: str, lines: Sequence[bytes]) -> float:
    """Print the speed of redaction and of parsing alone; return seconds a line is redacted in.

    By processor time: others who work on the machine do not count.
    """
    size = sum(map(len, lines))
    rates = []
    for work in (redactor.line, orjson.loads):
        began = time.process_time()
        for line in lines:
            work(line)
        rates.append(size / (time.process_time() - began) / 1e6)
    print(
        f"{name:34} {size / 1e6:5.0f} MB in {len(lines):6} lines: "
        f"redacted {rates[0]:5.0f} MB/s, parsed {rates[1]:5.0f} MB/s"
    )
    return size / len(lines) / rates[0] / 1e6


def profile(redactor: Redactor, name: str, lines: Sequence[bytes]) -> None:
    """Print the functions that take most of the time, each with its own share of it."""
    profiler = cProfile.Profile()
    profiler.enable()
    for line in lines:
        redactor.line(line)
    profiler.disable()
    took: Counter[str] = Counter()
    for (file, _, function), (_, _, own, _, _) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        took[f"{Path(file).stem} {function}".removeprefix("~ ")] += own
    print(f"    {name}, where the time goes:")
    for function, own in took.most_common(PROFILED):
        print(f"        {own / took.total():4.0%} {function}")


def with_a_secret(lines: Sequence[bytes]) -> list[bytes]:
    """Return the lines, each with a password in a URL and an address in a field of its own."""
    dice = random.Random(4)
    said = '{"cwd":"psql postgres://svc:%s@db.example.org/x for milo@example.org",'
    return [(said % f"{dice.getrandbits(60):x}").encode() + line[1:] for line in lines]


def samples() -> list[bytes]:
    """Return the lines of the sample sessions."""
    paths = sorted((ROOT / "tests/fixtures/sessions").glob("*/agents/*/sessions/*.jsonl*"))
    return [line for path in paths for line in path.read_bytes().splitlines()]


def source() -> list[bytes]:
    """Return session lines in which this project's files are read."""
    rooms = ("schemas", "agents", "sinks", "streams", "infra", "docs")
    paths = sorted(path for room in rooms for path in (ROOT / room).rglob("*.*"))
    texts = [path.read_text() for path in paths if path.suffix in (".py", ".md", ".yaml", ".yml")]
    return [
        orjson.dumps({"type": "message", "message": {"role": "toolResult", "content": text}})
        for text in texts
    ]


def images(count: int) -> list[bytes]:
    """Return lines of half a megabyte of base64 each."""
    dice = random.Random(3)
    data = [base64.b64encode(dice.randbytes(384_000)).decode() for _ in range(count)]
    return [orjson.dumps({"type": "image", "data": each}) for each in data]


def repeated(lines: list[bytes], size: int) -> list[bytes]:
    """Return the lines so often that they have about this many bytes."""
    return lines * max(1, size // sum(map(len, lines)))


def main() -> None:
    """Print the numbers."""
    size = (int(sys.argv[1]) if len(sys.argv) > 1 else MEGABYTES) * 1_000_000
    began = time.perf_counter()
    redactor = Redactor(b"k" * 32)
    redactor.line(b"{}")
    print(f"detectors loaded in {time.perf_counter() - began:.1f} s")
    recall(redactor)
    false_positives(redactor, "sample sessions", samples())
    false_positives(redactor, "this project's source", source())
    generated = session(1, 400, result_chars=6_000).lines
    everything = Redactor(b"k" * 32, personal=PERSONAL_KINDS)
    plain = speed(redactor, "generated sessions", repeated(generated, size))
    speed(redactor, "source code", repeated(source(), size))
    speed(redactor, "images", repeated(images(8), size))
    short = [one.line for one in planted(seed=2, rounds=ROUNDS)]
    each = with_a_secret(generated)
    for name, detector in (("", redactor), (", personal too", everything)):
        if detector is everything:
            plain = speed(detector, f"generated sessions{name}", repeated(generated, size // 3))
            profile(detector, f"generated sessions{name}", generated)
        found = speed(detector, f"a secret in each{name}", repeated(each, size // 3))
        print(f"    what is found in a line adds {(found - plain) * 1e6:.0f} us to it")
        profile(detector, f"a secret in each{name}", each)
        speed(detector, f"nothing but a secret{name}", short)
        profile(detector, f"nothing but a secret{name}", short)


if __name__ == "__main__":
    main()
