"""What a line needs to train without torch: settings, a base of no size, stand-ins on the path."""

from __future__ import annotations

import json
import sys
from pathlib import Path

REPO = Path(__file__).parents[2]
SUPPORT = REPO / "tests" / "support"
CONFIG = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "tie_word_embeddings": False,
}


def base_model(folder: Path) -> Path:
    """Make a base that has a shape and no weights, and return its directory."""
    path = folder / "tiny"
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(CONFIG))
    return path


def settings_of(base: Path, **train: str) -> dict[str, str]:
    """Return the environment of a line that trains at once on this machine's CPU. `train` are
    further settings of that section."""
    settings = {
        "enabled": "true",
        "model": str(base),
        "min_between": "0s",
        "backoff": "100ms",
        "free_patience": "30s",
        "python": sys.executable,
        **train,
    }
    host = {"name": "here", "accelerator": "cpu", "memory": 8}
    return {
        "CLAWBACK_HOSTS": json.dumps([host]),
        "CLAWBACK_PAIRS__EVAL_SHARE": "0.2",
        **{f"CLAWBACK_TRAIN__{name.upper()}": value for name, value in settings.items()},
    }


def variables(
    base: Path, *, steps: int = 10, seconds: float = 0.05, **train: str
) -> dict[str, str]:
    """Return the environment of a line whose ranks need no torch: they take so many steps of so
    many seconds. See `settings_of`."""
    return {
        **settings_of(base, **train),
        "PYTHONPATH": f"{SUPPORT / 'faketraining'}:{SUPPORT / 'faketorch'}:{REPO}",
        "CLAWBACK_TEST_STEPS": str(steps),
        "CLAWBACK_TEST_SECONDS": str(seconds),
    }
