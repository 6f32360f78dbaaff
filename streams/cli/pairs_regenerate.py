"""`clawback pairs regenerate`: have decisions made anew by another model."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

import click
import orjson

from streams.cli.errors import CommandError
from streams.cli.exits import OK, USAGE
from streams.cli.pairs_common import gathered, opened, settings_of, told

if TYPE_CHECKING:
    from schemas.generation import Generation
    from schemas.settings import Settings
    from schemas.settings.regenerate import Sides
    from schemas.table import Table
    from sinks.bulk import Bulk, Paired
    from streams.broker import Broker
    from streams.cli.app import Options
    from streams.pairs.regenerate import Task


@click.command()
@click.option(
    "--sides",
    type=click.Choice(["chosen", "both"]),
    help="What is asked for, instead of regenerate.sides.",
)
@click.option("--limit", default=0, type=click.IntRange(0), help="At most so many; 0 for all.")
@click.option("--dry-run", is_flag=True, help="Only say how many would be asked about.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def regenerate(
    options: Options, sides: Sides | None, limit: int, dry_run: bool, as_json: bool
) -> int:
    """Ask the model in [regenerate] what it would have decided where a turn went wrong.

    With --sides both it is then asked about good turns, too: what it decides worse there is the
    rejected side. Only turns without a partner are asked about, each once. What is made is judged
    by the language models of your panel before it is used, and pairs once "regenerate" is among
    pairs.strategies. Ctrl-C leaves what is there; the next time goes on.

    \b
    Examples:
      clawback pairs regenerate --dry-run
      clawback pairs regenerate --limit 50
      clawback pairs regenerate --sides both
    """
    try:
        from sinks.dataset.tools import ToolBook as _  # noqa: F401
    except ModuleNotFoundError as error:
        raise CommandError(
            f"{error.name} is not installed; install with: pip install 'clawback[data]'"
        ) from None
    from agents.judges.contract import JudgeUnavailable
    from streams.pairs.regenerate import NoPanel, tasks
    from streams.stages.sinks import asks_again

    settings = settings_of(options)
    with (
        told(settings.paths.home),
        opened(settings) as broker,
        gathered(settings, broker) as (read, crew),
    ):
        paired = read.bulk.pair(settings.pairs, asks_again, crew)
        wanted = sides or settings.regenerate.sides
        if dry_run:
            given = tasks(read.bulk, paired, settings, settings.regenerate.model, wanted)
            _tell_plan(islice(given, limit or None), wanted, settings, as_json)
            return OK
        try:
            made = _run(
                settings, broker, read.bulk, paired, read.scratch.table, wanted, limit, as_json,
            )  # fmt: skip
        except (NoPanel, ValueError) as error:
            raise CommandError(str(error), USAGE) from None
        except JudgeUnavailable as error:
            raise CommandError(f"{error}; what was made is kept, run it again to go on") from None
    if made and "regenerate" not in settings.pairs.strategies:
        click.echo('put "regenerate" into pairs.strategies to have them paired', err=True)
    return OK


def _run(
    settings: Settings,
    broker: Broker,
    bulk: Bulk,
    paired: Paired,
    table: Table,
    sides: Sides,
    limit: int,
    as_json: bool,
) -> int:
    from agents.deciding import make_decider
    from agents.judges.factory import make_judge
    from streams.judging.machine import yielding
    from streams.pairs.regenerate import known_tools, panel_of, regenerate, tasks
    from streams.pairs.visible import visible

    decider = make_decider(settings.regenerate)
    panel, configured = panel_of(settings)
    given = islice(tasks(bulk, paired, settings, decider.model, sides), limit or None)
    first = next(given, None)
    if first is None:
        _tell_plan(given, sides, settings, as_json)
        return 0
    made: list[Generation] = []

    def done(generation: Generation) -> None:
        made.append(generation)
        if as_json:
            click.echo(generation.to_bytes())
        else:
            score = "-" if generation.overall is None else f"{generation.overall:g}"
            what = visible(generation.reason) or "scored"
            click.echo(f"{generation.turn_id[:8]}  {generation.side:<8}  {score:>4}  {what}")

    async def ask() -> None:
        judges = [yielding(make_judge(each), settings.paths.home) for each in configured]
        try:
            await regenerate(
                chain([first], given),
                decider,
                judges,
                panel,
                bulk.panel,
                known_tools(bulk, table),
                broker,
                done,
            )
        finally:
            await decider.aclose()
            for judge in judges:
                await judge.aclose()

    asyncio.run(ask())
    _tell_made(made, sides, settings)
    return len(made)


def _tell_plan(given: Iterable[Task], sides: Sides, settings: Settings, as_json: bool) -> None:
    """Say how many decisions would be asked about, also where nobody can be asked yet."""
    from streams.pairs.regenerate import NoPanel, panel_of

    count = Counter(task.side for task in given)
    model = settings.regenerate.model if settings.regenerate.url else ""
    judges: Sequence[str] = ()
    why = ""
    try:
        judges = panel_of(settings)[0].judges
    except NoPanel as error:
        why = str(error)
    if as_json:
        plan = {
            "would_ask": count.total(),
            "chosen": count["chosen"],
            "rejected": count["rejected"],
            "model": model or None,
            "judges": list(judges),
        }
        click.echo(orjson.dumps(plan))
        return
    what = f"{count['chosen']} bad decisions"
    if sides == "both":
        what += f" and {count['rejected']} good ones"
    click.echo(
        f"{what} without a partner"
        + (f" to ask {model} about" if model else "")
        + (f"; each is judged by {', '.join(judges)}" if judges else "")
    )
    if not model:
        click.echo("no model is set: regenerate.url and regenerate.model name one", err=True)
    if why:
        click.echo(why, err=True)


def _tell_made(made: Sequence[Generation], sides: Sides, settings: Settings) -> None:
    scores = [(each.side, each.overall) for each in made if each.overall is not None]
    rules = settings.pairs
    good = sum(1 for side, overall in scores if side == "chosen" and overall >= rules.chosen)
    said = f"{len(made)} made, {good} of them good enough to be chosen"
    if sides == "both":
        bad = sum(1 for side, overall in scores if side == "rejected" and overall <= rules.rejected)
        said += f", {bad} bad enough to be rejected"
    click.echo(said, err=True)
