"""How much of what is planted is found, and how much of ordinary text is taken for a secret."""

from __future__ import annotations

import base64
import hashlib
import random
import uuid
from collections import Counter
from pathlib import Path

import orjson
import pytest

from agents.privacy import Redactor
from tests.support.secrets import CONTEXTS, FORMATS, leaks, planted
from tests.support.sessions import session

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "tests/fixtures/sessions"


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(b"k" * 32)


def test_planted_secrets_are_found_wherever_they_stand(redactor: Redactor) -> None:
    seen: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for one in planted(seed=20, rounds=4):
        redacted = redactor.line(one.line)
        orjson.loads(redacted.data)
        seen[one.kind] += 1
        missed[one.kind] += leaks(one, redacted.data)
    formats = sum(seen[kind] for kind in FORMATS)
    assert 1 - sum(missed[kind] for kind in FORMATS) / formats >= 0.99, missed
    contexts = sum(seen[kind] for kind in CONTEXTS)
    assert 1 - sum(missed[kind] for kind in CONTEXTS) / contexts >= 0.99, missed


def test_lines_looked_at_together_hide_no_secret(redactor: Redactor) -> None:
    others = session(7, 10, result_chars=800).lines
    assert redactor.finds_nothing(others)
    for one in planted(seed=22, rounds=1):
        assert not redactor.finds_nothing([*others[:20], one.line, *others[20:]]), one


def test_redacting_twice_is_redacting_once(redactor: Redactor) -> None:
    for one in planted(seed=21, rounds=1):
        once = redactor.line(one.line)
        again = redactor.line(once.data)
        assert again.data == once.data
        assert again.counts == {}


def test_the_sample_sessions_are_left_alone(redactor: Redactor) -> None:
    tokens = replaced = 0
    for path in sorted(SAMPLES.glob("*/agents/*/sessions/*.jsonl*")):
        for line in path.read_bytes().splitlines():
            tokens += len(line.split())
            replaced += sum(redactor.line(line).counts.values())
    assert tokens > 1000
    assert replaced / tokens < 0.005


def test_code_and_documentation_are_left_alone(redactor: Redactor) -> None:
    tokens = replaced = 0
    rooms = ("schemas", "agents", "sinks", "streams", "docs", "infra")
    for path in sorted(path for room in rooms for path in (ROOT / room).rglob("*.*")):
        if path.suffix not in (".py", ".md", ".yaml", ".yml", ".toml", ".xml"):
            continue
        text = path.read_text(encoding="utf-8")
        line = orjson.dumps({"type": "message", "message": {"content": text}})
        tokens += len(text.split())
        replaced += sum(redactor.line(line).counts.values())
    assert tokens > 20_000
    assert replaced / tokens < 0.0005


def test_what_only_looks_random_is_left_alone(redactor: Redactor) -> None:
    dice = random.Random(5)
    for _ in range(300):
        seed = dice.randbytes(8)
        text = "\n".join(
            [
                f"commit {hashlib.sha1(seed).hexdigest()}",
                f"run {uuid.UUID(bytes=dice.randbytes(16))} session_id: {uuid.uuid4()}",
                f'"integrity": "sha512-{base64.b64encode(dice.randbytes(64)).decode()}"',
                f'hash = "sha256:{hashlib.sha256(seed).hexdigest()}"',
                f"/home/milo/.cache/pip/wheels/{seed.hex()}/index-{seed.hex()}.js:12:3",
                f"call_{base64.b64encode(seed).decode()} toolu_{seed.hex()}",
            ]
        )
        line = orjson.dumps({"type": "message", "message": {"content": text}})
        assert redactor.line(line).data == line


def test_an_image_passes_as_it_is(redactor: Redactor) -> None:
    data = base64.b64encode(random.Random(6).randbytes(1_500_000)).decode()
    block = {"type": "image", "data": data, "mimeType": "image/png"}
    line = orjson.dumps({"type": "message", "message": {"role": "user", "content": [block]}})
    assert redactor.line(line).data == line
