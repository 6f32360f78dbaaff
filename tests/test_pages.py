"""What the pages in docs/ tell people to write is what clawback reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streams.settings.load import load

DOCS = Path(__file__).parents[1] / "docs"
BLOCKS = [
    pytest.param(block, id=f"{path.stem}-{number}")
    for path in sorted(DOCS.glob("*.md"))
    for number, block in enumerate(re.findall(r"```toml\n(.*?)```", path.read_text(), re.DOTALL))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_settings_can_be_read(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if "[[panels]]" in block and "[[judges]]" not in block:
        named = re.findall(r"judges = \[(.*?)\]", block)[0].replace('"', "").split(", ")
        block += "".join(
            f'[[judges]]\nkind = "ollama"\nname = "{name}"\nurl = "http://x:1"\nmodel = "m"\n'
            for name in named
        )
    file = tmp_path / "clawback.toml"
    file.write_text(block)
    load(file)
