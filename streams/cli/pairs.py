"""`clawback pairs`: what was paired, whether rightly, and the data set made of it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click
import orjson

from streams.cli.errors import CommandError
from streams.cli.exits import OK, USAGE
from streams.cli.numbers import Numbers
from streams.cli.pairs_common import gathered, opened, settings_of, told
from streams.cli.pairs_regenerate import regenerate

if TYPE_CHECKING:
    from schemas.pair import PreferencePair
    from schemas.review import Word
    from streams.broker import Broker
    from streams.cli.app import Options

WORDS = ("accept", "reject", "swap")


@click.group()
def command() -> None:
    """Look at preference pairs, review them, make data sets of them.

    \b
    Examples:
      clawback pairs list
      clawback pairs show 3f2a
      clawback pairs snapshot
      clawback pairs regenerate --dry-run
    """


command.add_command(regenerate)


@command.command("list")
@click.option("--strategy", default="", metavar="NAME", help="Only those found by this strategy.")
@click.option("--limit", default=0, type=click.IntRange(0), help="At most so many; 0 for all.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def list_(options: Options, strategy: str, limit: int, as_json: bool) -> int:
    """List the pairs as they stand.

    \b
    Example:
      clawback pairs list --strategy retry
    """
    from schemas.pair import Strategy

    names = get_args(Strategy)
    if strategy and strategy not in names:
        raise CommandError(f"no strategy is called {strategy!r}: {', '.join(names)}", USAGE)
    with told():
        found = (p for p in _pairs(options) if not strategy or p.strategy == strategy)
        chosen = islice(found, limit or None)
        if as_json:
            for pair in chosen:
                sys.stdout.buffer.write(pair.to_bytes() + b"\n")
            return OK
        from rich.console import Console

        from streams.pairs.screen import listed

        console = Console()
        console.print(listed(chosen, console.width))
    return OK


@command.command()
@click.argument("pair_id", metavar="ID")
@click.option("--all", "whole", is_flag=True, help="The whole prompt, not only its end.")
@click.option("--json", "as_json", is_flag=True, help="The pair as JSON.")
@click.pass_obj
def show(options: Options, pair_id: str, whole: bool, as_json: bool) -> int:
    """Show a pair: chosen and rejected side by side, as a model is trained on them.

    The beginning of an ID is enough.

    \b
    Example:
      clawback pairs show 3f2a
    """
    from streams.pairs.file import find, path_of

    with told():
        pair = find(path_of(settings_of(options)), pair_id)
    if as_json:
        click.echo(pair.to_bytes())
    else:
        _show(pair, whole=whole)
    return OK


@command.command()
@click.argument("pair_ids", nargs=-1, metavar="[ID]...")
@click.option("--say", type=click.Choice(WORDS), help="Say this of all IDs without asking.")
@click.pass_obj
def review(options: Options, pair_ids: tuple[str, ...], say: Word | None) -> int:
    """Accept, reject or swap pairs; what you say wins over the judges.

    Without IDs, all that you have not yet spoken about, one after the other. An accepted pair stays
    as you saw it, whatever the judges say later; a rejected one comes back by its ID.

    \b
    Examples:
      clawback pairs review
      clawback pairs review 3f2a 77c0 --say reject
    """
    from streams.pairs.file import find, path_of
    from streams.pairs.rejected import rejected

    settings = settings_of(options)
    if say and not pair_ids:
        raise CommandError("--say needs the IDs it is about", USAGE)
    with told(settings.paths.home), opened(settings) as broker:
        if pair_ids:
            gone = asyncio.run(rejected(broker, settings))
            pairs = [find(path_of(settings), each, gone) for each in pair_ids]
        else:
            pairs = [pair for pair in _pairs(options) if not pair.reviewed]
        count = 0
        for number, pair in enumerate(pairs, 1):
            word = say or _ask(pair, number, len(pairs))
            if word == "quit":
                break
            if word != "next":
                asyncio.run(_publish(broker, pair, word))
                count += 1
    click.echo(f"{count} of {len(pairs)} pairs reviewed", err=True)
    return OK


@command.command()
@click.option("--chosen", type=Numbers(), default=(6.0, 7.0, 8.0, 9.0), help="To try; 6,7,8,9.")
@click.option("--rejected", type=Numbers(), default=(2.0, 3.0, 4.0, 5.0), help="To try; 2,3,4,5.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def sweep(
    options: Options, chosen: tuple[float, ...], rejected: tuple[float, ...], as_json: bool
) -> int:
    """See how many pairs other thresholds would give from the verdicts at hand.

    \b
    Example:
      clawback pairs sweep --chosen 7,7.5,8 --rejected 3,4
    """
    from streams.pairs.sweep import sweep as try_out
    from streams.stages.sinks import asks_again

    settings = settings_of(options)
    if min(rejected) >= max(chosen):
        raise CommandError("no --chosen is above any --rejected: nothing could be paired", USAGE)
    high = sorted({*chosen, settings.pairs.chosen})
    low = sorted({*rejected, settings.pairs.rejected})
    with (
        told(settings.paths.home),
        opened(settings) as broker,
        gathered(settings, broker) as (read, crew),
    ):
        rows = list(try_out(read.bulk, settings.pairs, asks_again, high, low, crew))
    if as_json:
        for row in rows:
            click.echo(orjson.dumps(row))
        return OK
    from rich.console import Console

    from streams.pairs.screen import swept

    Console().print(swept(rows))
    return OK


@command.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where snapshots are kept. Else snapshots/ beside turns/ and pairs/.",
)
@click.option("--axolotl", is_flag=True, help="Also write every row as rendered text (JSONL).")
@click.option(
    "--processes",
    type=click.IntRange(0),
    metavar="N",
    help="Processes that help this one, 70 MB each; 0 for none. Else one for each core.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def snapshot(
    options: Options, out: Path | None, axolotl: bool, processes: int | None, as_json: bool
) -> int:
    """Make a data set of all pairs that load_dataset reads, and that never changes.

    The same verdicts give the same files under the same name, in whatever order they came.

    \b
    Example:
      clawback pairs snapshot --axolotl
    """
    try:
        from sinks.dataset.build import build
    except ModuleNotFoundError as error:
        raise CommandError(
            f"{error.name} is not installed; install with: pip install 'clawback[data]'"
        ) from None
    from streams.pairs.gather import lineage
    from streams.stages.sinks import asks_again

    settings = settings_of(options)
    rules = settings.pairs
    folder = out or settings.paths.output / "snapshots"
    with (
        told(settings.paths.home, folder),
        opened(settings) as broker,
        gathered(settings, broker, processes) as (read, crew),
    ):
        made = build(
            read.bulk, read.bulk.pair(rules, asks_again, crew), rules, read.scratch.table, folder,
            lineage(broker, read), read.scratch.tick, crew, axolotl=axolotl,
        )  # fmt: skip
    if as_json:
        found = {"path": str(made.path), "fingerprint": made.fingerprint, "existed": made.existed}
        click.echo(orjson.dumps(found | {"counts": made.counts}))
        return OK
    for kind, rows in made.counts["rows"].items():
        click.echo(f"{kind}: " + ", ".join(f"{count} {split}" for split, count in rows.items()))
    click.echo(f"{made.path}" + (" (was there already)" if made.existed else ""))
    return OK


def _pairs(options: Options) -> Iterator[PreferencePair]:
    from streams.pairs.file import pairs_in, path_of

    return pairs_in(path_of(settings_of(options)))


def _show(pair: PreferencePair, *, whole: bool = False) -> None:
    from rich.console import Console

    from streams.pairs.screen import shown

    Console().print(shown(pair, whole=whole))


def _ask(pair: PreferencePair, number: int, total: int) -> str:
    _show(pair)
    answers = {word[0]: word for word in (*WORDS, "next", "quit")}
    said = click.prompt(
        f"{number} of {total}: (a)ccept, (r)eject, (s)wap, (n)ext, (q)uit",
        type=click.Choice(list(answers)),
        show_choices=False,
        default="n",
        err=True,
    )
    return answers[said]


async def _publish(broker: Broker, pair: PreferencePair, word: str) -> None:
    from schemas.review import Review, review_id
    from schemas.topics import REVIEWS
    from streams.flow import Outgoing

    at_ms = int(time.time() * 1000)
    said = Review.model_validate(
        {"id": review_id(pair.id, word, at_ms), "pair": pair, "word": word, "at_ms": at_ms}
    )
    await broker.publish([Outgoing(REVIEWS, pair.id.encode(), said.to_bytes())])
