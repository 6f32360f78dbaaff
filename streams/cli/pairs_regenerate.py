"""`clawback pairs regenerate`: have bad decisions made anew by another model."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING

import click
import orjson

from streams.cli.errors import CommandError
from streams.cli.exits import OK, USAGE
from streams.cli.pairs_common import gathered, opened, settings_of, told

if TYPE_CHECKING:
    from schemas.generation import Generation
    from schemas.settings import Settings
    from streams.broker import Broker
    from streams.cli.app import Options
    from streams.pairs.gather import Scratch


@click.command()
@click.option("--limit", default=0, type=click.IntRange(0), help="At most so many; 0 for all.")
@click.option("--dry-run", is_flag=True, help="Only say how many would be asked about.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def regenerate(options: Options, limit: int, dry_run: bool, as_json: bool) -> int:
    """Ask the model in [regenerate] what it would have decided where a turn went wrong.

    Only turns without a partner are asked about, each once. What is made is judged by the language
    models of your panel before it is used, and pairs once "regenerate" is among pairs.strategies.
    Ctrl-C leaves what is there; the next time goes on.

    \b
    Examples:
      clawback pairs regenerate --dry-run
      clawback pairs regenerate --limit 50
    """
    try:
        from sinks.dataset.tools import ToolBook as _  # noqa: F401
    except ModuleNotFoundError as error:
        raise CommandError(
            f"{error.name} is not installed; install with: pip install 'clawback[data]'"
        ) from None
    from agents.judges.contract import JudgeUnavailable
    from sinks.bulk import make_pairs
    from streams.pairs.regenerate import NoPanel
    from streams.stages.sinks import asks_again, panel_label

    settings = settings_of(options)
    with told(), opened(settings) as broker, gathered(settings, broker) as (read, crew):
        make_pairs(panel_label(settings), settings.pairs, asks_again, read.table, read.tick, crew)
        try:
            made = _run(settings, broker, read, limit, dry_run, as_json)
        except (NoPanel, ValueError) as error:
            raise CommandError(str(error), USAGE) from None
        except JudgeUnavailable as error:
            raise CommandError(f"{error}; what was made is kept, run it again to go on") from None
    if not dry_run and made and "regenerate" not in settings.pairs.strategies:
        click.echo('put "regenerate" into pairs.strategies to have them paired', err=True)
    return OK


def _run(
    settings: Settings, broker: Broker, read: Scratch, limit: int, dry_run: bool, as_json: bool
) -> int:
    from agents.deciding import make_decider
    from agents.judges.factory import make_judge
    from streams.judging.machine import yielding
    from streams.pairs.regenerate import known_tools, panel_of, regenerate, tasks
    from streams.stages.sinks import panel_label

    decider = make_decider(settings.regenerate)
    panel, configured = panel_of(settings)
    label = panel_label(settings)
    found = tasks(read, label, settings, decider.model)
    given = list(islice(found, limit or None))
    if dry_run or not given:
        if as_json:
            click.echo(orjson.dumps({"would_ask": len(given), "judges": list(panel.judges)}))
        else:
            click.echo(
                f"{len(given)} bad decisions without a partner to ask {decider.model} about; "
                f"each is judged by {', '.join(panel.judges)}"
            )
        return 0
    made: list[Generation] = []

    def done(generation: Generation) -> None:
        made.append(generation)
        if as_json:
            click.echo(generation.to_bytes())
        else:
            score = "-" if generation.overall is None else f"{generation.overall:g}"
            click.echo(f"{generation.turn_id[:8]}  {score:>4}  {generation.reason or 'scored'}")

    async def ask() -> None:
        judges = [yielding(make_judge(each), settings.paths.home) for each in configured]
        try:
            await regenerate(given, decider, judges, panel, label, known_tools(read), broker, done)
        finally:
            await decider.aclose()
            for judge in judges:
                await judge.aclose()

    asyncio.run(ask())
    good = sum(1 for each in made if (each.overall or 0) >= settings.pairs.chosen)
    click.echo(f"{len(made)} made, {good} of them good enough to be chosen", err=True)
    return len(made)
