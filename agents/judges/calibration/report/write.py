"""Writing a calibration down: JSON, PNG files, and one page that needs no other file."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import orjson
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from agents.judges.calibration.labelled import LabelledSet
from agents.judges.calibration.metrics.estimate import Estimate
from agents.judges.calibration.metrics.kappa import BANDS
from agents.judges.calibration.mutations import MUTATIONS
from agents.judges.calibration.report import plots, words
from agents.judges.calibration.result import Agreement, Result
from schemas.settings import Calibration


def write_report(
    folder: Path,
    labelled: LabelledSet,
    results: Sequence[Result],
    agreement: Agreement,
    thresholds: Calibration,
) -> tuple[Path, Path]:
    """Write `report.html`, `report.json` and the plots into a folder.

    Returns:
        The page and the JSON.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    images = _images(results, agreement)
    for name, image in images.items():
        (folder / f"{name}.png").write_bytes(image)
    page, report = folder / "report.html", folder / "report.json"
    _put(report, _json(labelled, results, agreement, thresholds))
    _put(page, render(labelled, results, agreement, thresholds, images).encode())
    return page, report


def render(
    labelled: LabelledSet,
    results: Sequence[Result],
    agreement: Agreement,
    thresholds: Calibration,
    images: dict[str, bytes],
) -> str:
    """Return the page, with the images in it. Everything that is not ours is escaped."""
    embedded = {name: _data_uri(image) for name, image in images.items()}
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(
        (files("agents.judges.calibration.report") / "page.html.j2").read_text("utf-8")
    )
    at_ms = max((result.at_ms for result in results), default=0)
    day = datetime.fromtimestamp(at_ms / 1000, UTC)
    return template.render(
        date=f"{day.day} {day:%B %Y}",
        verdict=words.verdict(results),
        agreed=words.agreed(agreement),
        meaning=words.meaning,
        good=len(labelled.good),
        junk=len(labelled.junk),
        askings=max((result.askings for result in results), default=1),
        results=results,
        agreement=agreement,
        bands=BANDS,
        limits=thresholds,
        kinds={mutation.name: mutation for mutation in MUTATIONS},
        fingerprint=labelled.fingerprint,
        plots={
            **{
                result.identity.judge: {
                    kind: embedded[f"{kind}-{result.identity.judge}"]
                    for kind in ("distributions", "mutations")
                }
                for result in results
            },
            "agreement": embedded.get("agreement", ""),
        },
        cell=_cell,
        seconds=_seconds,
    )


def _images(results: Sequence[Result], agreement: Agreement) -> dict[str, bytes]:
    images = {}
    for result in results:
        judge = result.identity.judge
        images[f"distributions-{judge}"] = plots.distributions(result.metrics)
        images[f"mutations-{judge}"] = plots.mutations(result.metrics)
    if agreement.pairs:
        images["agreement"] = plots.agreement_matrix(agreement)
    return images


def _json(
    labelled: LabelledSet, results: Sequence[Result], agreement: Agreement, thresholds: Calibration
) -> bytes:
    return orjson.dumps(
        {
            "verdict": words.verdict(results),
            "set": {
                "fingerprint": labelled.fingerprint,
                "seed": labelled.seed,
                "good": len(labelled.good),
                "junk": len(labelled.junk),
            },
            "thresholds": thresholds.model_dump(),
            "results": [result.model_dump(by_alias=True) for result in results],
            "agreement": agreement.model_dump(),
        },
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    )


def _cell(estimate: Estimate | None, form: str, bad: bool) -> Markup:
    """Return a table cell with a figure and, below it, its interval."""
    if estimate is None:
        return Markup('<td class="number">–</td>')
    value, low, high = (form.format(x) for x in (estimate.value, estimate.low, estimate.high))
    return Markup(
        '<td class="number"><span class="{}">{}</span><span class="interval">{} to {}</span></td>'
    ).format("bad" if bad else "", value, low, high)


def _seconds(seconds: float) -> str:
    if seconds < 0.095:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _put(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)
