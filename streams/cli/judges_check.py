"""`clawback judges check`: whether each language model can be asked from here."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.common import find_settings, named_judges, read_settings
from streams.cli.errors import CommandError
from streams.cli.exits import OK, UNHEALTHY, USAGE

if TYPE_CHECKING:
    from agents.judges.check import Checked
    from schemas.settings import ModelJudge
    from streams.cli.app import Options


@click.command("check")
@click.argument("names", nargs=-1, metavar="[JUDGE]...")
@click.option("--no-question", is_flag=True, help="Do not have the model score a sample turn.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list of what was found.")
@click.pass_obj
def command(options: Options, names: tuple[str, ...], no_question: bool, as_json: bool) -> int:
    """See whether each language model can be reached and judges.

    Tries Python's own sockets and the curl program, looks for the model, and has it score a
    short sample turn. Exit code 4: one of them can't judge with the settings it has.

    \b
    Examples:
      clawback judges check
      clawback judges check minimax --json | jq '.[0].problems'
    """
    settings = read_settings(find_settings(options.config), as_written=True)
    models = [judge for judge in named_judges(settings, names) if judge.kind != "signals"]
    if not models and not as_json:
        click.echo("no language model is configured; signals judges need no check")
    try:
        home = settings.paths.home
        found = asyncio.run(_check(home, models, ask=not no_question, show=not as_json))
    except ValueError as error:
        raise CommandError(str(error), USAGE) from None
    if as_json:
        click.echo(json.dumps([{**asdict(each), "works": each.works} for each in found]))
    return OK if all(each.works for each in found) else UNHEALTHY


async def _check(home: Path, models: list[ModelJudge], *, ask: bool, show: bool) -> list[Checked]:
    from agents.judges.check import check
    from streams.judging.machine import wanted_for

    async def checked(judge: ModelJudge) -> Checked:
        # A question would load the model, beside a training run that has the memory.
        wanted = wanted_for(home, judge.name) if ask else ""
        said = await check(judge, ask=ask and not wanted)
        if wanted:
            return replace(said, advice=(*said.advice, f"it was not asked anything: {wanted}"))
        return said

    found = []
    for finished in asyncio.as_completed([checked(judge) for judge in models]):
        found.append(await finished)
        if show:
            _print(found[-1])
    order = [judge.name for judge in models]
    return sorted(found, key=lambda each: order.index(each.judge))


def _print(found: Checked) -> None:
    mark = click.style("works  ", fg="green") if found.works else click.style("PROBLEM", fg="red")
    click.echo(f"{mark} {found.judge}: {found.model} at {found.url}")
    for name, fault in found.transports.items():
        click.echo(f"        {name:<6} {fault or 'gets through'}")
    if found.transport:
        click.echo(f"        model  {_model(found)}")
    if found.answer:
        tokens = f", {found.tokens_in} tokens in, {found.tokens_out} out" if found.tokens_in else ""
        click.echo(f"        asked  {found.answer} after {found.seconds:.1f} s{tokens}")
    for line in found.problems:
        click.echo(f"        {click.style('!', fg='red')} {line}")
    for line in found.advice:
        click.echo(f"        {click.style('?', fg='yellow')} {line}")


def _model(found: Checked) -> str:
    if not found.found:
        return "is not there"
    thinks = {True: "thinks", False: "does not think", None: "not told whether it thinks"}
    context = f"holds {found.context:,} tokens" if found.context else "context not told"
    return f"{thinks[found.thinks]}, {context}, is to hold {found.needs:,}"
