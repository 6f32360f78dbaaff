"""A directory with programs that are called as llama.cpp's are, and that convert nothing."""

from __future__ import annotations

from pathlib import Path

CONVERT = """
import argparse, pathlib, sys
parser = argparse.ArgumentParser()
parser.add_argument("model", type=pathlib.Path)
parser.add_argument("--outfile", type=pathlib.Path)
parser.add_argument("--outtype")
given = parser.parse_args()
here = pathlib.Path(__file__).parent
(here / "calls").open("a").write(f"convert {given.outtype}\\n")
given.outfile.write_bytes(b"GGUF half")
if (here / "broken").exists():
    sys.exit("unknown model architecture: Example")
weights = b"".join(p.read_bytes() for p in sorted(given.model.glob("*.safetensors")))
given.outfile.write_bytes(b"GGUF " + given.outtype.encode() + b" " + weights)
"""

QUANTIZE = """#!/bin/sh
echo "quantize $3" >> "$(dirname "$0")/calls"
{ cat "$1"; printf ' as %s' "$3"; } > "$2"
"""


def make_llama_cpp(folder: Path, *, quantizer: bool = True) -> Path:
    """Write the programs; they note their calls in the file `calls` and fail where there is a
    file `broken`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "convert_hf_to_gguf.py").write_text(CONVERT)
    if quantizer:
        (folder / "llama-quantize").write_text(QUANTIZE)
        (folder / "llama-quantize").chmod(0o755)
    return folder


def calls(folder: Path) -> list[str]:
    """Return the calls so far."""
    path = folder / "calls"
    return path.read_text().splitlines() if path.exists() else []
