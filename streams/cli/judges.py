"""`clawback judges`: what has to do with those who score."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli import judges_check, judges_fake, judges_list
from streams.cli.common import find_settings, named_judges, read_settings
from streams.cli.errors import CommandError
from streams.cli.exits import OK, UNHEALTHY, USAGE

if TYPE_CHECKING:
    from agents.judges.calibration.calibrate import Calibrated
    from agents.judges.calibration.labelled import LabelledSet
    from agents.judges.calibration.result import Result
    from agents.judges.calibration.runner import Progress
    from agents.judges.contract import Judge
    from schemas.settings import Settings
    from schemas.turn import Turn
    from streams.cli.app import Options

SET = "set.jsonl"


@click.group()
def command() -> None:
    """Find out what the judges are worth.

    \b
    Examples:
      clawback judges check
      clawback judges calibrate nemotron
    """


for each in (judges_list.command, judges_check.command, judges_fake.command):
    command.add_command(each)


@command.command()
@click.argument("names", nargs=-1, metavar="[JUDGE]...")
@click.option(
    "--from",
    "sources",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Session files or directories to take good turns from. Else those that are tailed.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where the set, the answers and the report are kept. Else calibration/ in the home.",
)
@click.option("--size", default=180, show_default=True, help="Labelled turns; half are junk.")
@click.option("--seed", default=0, show_default=True, help="Chooses the turns and the junk.")
@click.option(
    "--askings",
    default=2,
    show_default=True,
    type=click.IntRange(1),
    help="How often each turn is put to a judge; two and more show its noise.",
)
@click.option("--new-set", is_flag=True, help="Make the set anew instead of the frozen one.")
@click.option("--again", is_flag=True, help="Ask everything again, though there are answers.")
@click.option(
    "--patience",
    default=120.0,
    show_default=True,
    help="Seconds to wait for a judge whose machine is down.",
)
@click.option("--json", "as_json", is_flag=True, help="The whole report as JSON.")
@click.pass_obj
def calibrate(
    options: Options,
    names: tuple[str, ...],
    sources: tuple[Path, ...],
    out: Path | None,
    size: int,
    seed: int,
    askings: int,
    new_set: bool,
    again: bool,
    patience: float,
    as_json: bool,
) -> int:
    """See whether judges can tell your good turns from junk made of them.

    The set is made once and frozen, so that a later run puts the same questions. Stopped and
    called again, it goes on where it was. Exit code 4: a judge is refused.

    \b
    Examples:
      clawback judges calibrate
      clawback judges calibrate nemotron --askings 3
      clawback judges calibrate --again        after a new server, model or prompt
    """
    from agents.judges.calibration.store import CorruptResult, load_results

    settings = read_settings(find_settings(options.config), as_written=True)
    folder = out or settings.paths.home / "calibration"
    judges = _judges(settings, names)
    labelled = _set(settings, sources, folder / SET, size, seed, new_set)
    _say(f"{len(labelled.good)} good turns and {len(labelled.junk)} junk ones in {folder / SET}")
    answers = folder / "answers.jsonl"
    at_ms = int(time.time() * 1000)
    if again and answers.exists():
        os.replace(answers, folder / f"answers-{at_ms}.jsonl")
    try:
        before = load_results(folder / "results")
    except CorruptResult as error:
        raise CommandError(f"{error}; move it away") from None
    with _progress([judge.name for judge in judges], askings * len(labelled.items)) as progress:
        done = asyncio.run(
            _run(judges, labelled, folder, settings, at_ms, askings, patience, progress)
        )
    if as_json:
        click.echo(done.report.read_bytes(), nl=False)
    else:
        _print(done, before)
    return OK if all(result.decision.accepted for result in done.results) else UNHEALTHY


def _judges(settings: Settings, names: Sequence[str]) -> list[Judge]:
    from agents.judges.factory import make_judge
    from streams.judging.machine import yielding

    home = settings.paths.home
    try:
        return [yielding(make_judge(judge), home) for judge in named_judges(settings, names)]
    except ValueError as error:
        raise CommandError(str(error), USAGE) from None


def _set(
    settings: Settings, sources: Sequence[Path], path: Path, size: int, seed: int, new: bool
) -> LabelledSet:
    from agents.judges.calibration.labelled import CorruptSet, LabelledSet, NotEnoughTurns, build

    if path.exists() and not new:
        try:
            return LabelledSet.load(path)
        except CorruptSet as error:
            raise CommandError(f"{error}; --new-set makes another") from None
    good = _clean(settings, sources or settings.paths.openclaw)
    try:
        labelled = build(good, size=size, seed=seed)
    except NotEnoughTurns as error:
        raise CommandError(f"{error}; name session files with --from") from None
    except ValueError as error:
        raise CommandError(str(error), USAGE) from None
    labelled.save(path)
    return labelled


def _clean(settings: Settings, sources: Iterable[Path]) -> list[Turn]:
    from agents.extract import extract_file
    from agents.judges.calibration.clean import why_not_clean
    from streams.cli.extract import sessions

    good = []
    for path in sessions(sources):
        try:
            found = extract_file(path, settings.extract, settings.tail)
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror}") from None
        reactions = {reaction.turn_id: reaction for reaction in found.reactions}
        good += [turn for turn in found.turns if not why_not_clean(turn, reactions.get(turn.id))]
    return good


async def _run(
    judges: Sequence[Judge],
    labelled: LabelledSet,
    folder: Path,
    settings: Settings,
    at_ms: int,
    askings: int,
    patience: float,
    progress: Callable[[Progress], None],
) -> Calibrated:
    from agents.judges.calibration.calibrate import calibrate as calibrate_all

    try:
        return await calibrate_all(
            judges,
            labelled,
            folder,
            at_ms=at_ms,
            thresholds=settings.calibration,
            askings=askings,
            progress=progress,
            patience=patience,
        )
    finally:
        for judge in judges:
            await judge.aclose()


@contextmanager
def _progress(names: Sequence[str], total: int) -> Iterator[Callable[[Progress], None]]:
    """Show a bar for each judge on standard error, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bars(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as bars:
        tasks = {name: bars.add_task(name, total=total) for name in names}
        yield lambda progress: bars.update(tasks[progress.judge], completed=progress.done)


def _print(done: Calibrated, before: Sequence[Result]) -> None:
    from agents.judges.calibration.drift import compare
    from agents.judges.calibration.report import words

    for result in done.results:
        passed = result.decision.accepted
        mark = click.style(
            "accepted" if passed else "REFUSED ", fg="green" if passed else "red", bold=True
        )
        click.echo(f"{mark} {result.identity.judge} ({result.identity.model})")
        told = (*result.decision.reasons, *words.meaning(result.metrics))
        for line in (*told, *result.decision.cautions):
            click.echo(f"         {line}")
        if not passed and result.identity.model.startswith("signals/"):
            click.echo("         panels count it all the same: it is what there is without a model")
        earlier = [
            old
            for old in before
            if old.identity.judge == result.identity.judge and old.fingerprint == result.fingerprint
        ]
        for line in compare(earlier[-1], result) if earlier else ():
            click.echo(f"         changed: {line}")
    if done.agreement.pairs:
        click.echo(words.agreed(done.agreement))
    click.echo(f"The whole report: {done.page}")
    if any(result.decision.accepted for result in done.results):
        click.echo("Panels count those accepted from the next start of `clawback run` on.")


def _say(text: str) -> None:
    click.echo(text, err=True)
