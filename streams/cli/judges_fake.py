"""`clawback judges fake`: a judge server without a model, to try the line with."""

from __future__ import annotations

import asyncio
import signal

import click

from streams.cli.errors import CommandError
from streams.cli.exits import OK, USAGE


@click.command("fake")
@click.option("--port", type=click.IntRange(0, 65535), required=True, help="0 takes a free one.")
@click.option(
    "--wire",
    type=click.Choice(["both", "ollama", "openai"]),
    default="both",
    show_default=True,
    help="Whose API it answers by.",
)
@click.option(
    "--model", "models", multiple=True, default=("fake-judge",), show_default=True, metavar="NAME"
)
@click.option(
    "--latency",
    default="0s",
    show_default=True,
    metavar="TIME",
    help="Median time an answer takes.",
)
@click.option(
    "--spread",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 3),
    help="Sigma of the log-normal distribution of that time; 0 is always the same.",
)
@click.option(
    "--faults",
    default="",
    metavar="NAME=SHARE,...",
    help="What goes wrong at which share of the turns, such as babble=0.05,busy=0.1.",
)
@click.option("--slots", default=1, show_default=True, type=click.IntRange(1), help="At a time.")
@click.option("--queue", default=512, show_default=True, type=click.IntRange(0), help="May wait.")
@click.option("--thinks", is_flag=True, help="Say that the model thinks before it answers.")
@click.option("--seed", default=0, show_default=True, help="Chooses which turns go wrong.")
def command(
    port: int,
    wire: str,
    models: tuple[str, ...],
    latency: str,
    spread: float,
    faults: str,
    slots: int,
    queue: int,
    thinks: bool,
    seed: int,
) -> int:
    """Serve a judge without a model on 127.0.0.1, until Ctrl-C.

    Its scores follow the failures that a turn shows; they are a stand-in and no opinion. What
    goes wrong does so at the same turns in every run. Faults: hang, busy, error, drop, malformed,
    thinking, unopened, misplaced, cut, babble, inflated, refuse, empty.

    \b
    Examples:
      clawback judges fake --port 18081 --latency 2s --slots 2
      clawback judges fake --port 18082 --wire openai --faults babble=0.05,busy=0.1
    """
    from agents.judges.fake import FakeJudge, Mix
    from schemas.durations import seconds

    try:
        mix = Mix(_shares(faults), seconds=float(seconds(latency)), spread=spread, seed=seed)
    except ValueError as error:
        raise CommandError(str(error), USAGE) from None
    fake = FakeJudge(
        mix,
        port=port,
        models=models,
        thinks=thinks,
        slots=slots,
        queue=queue,
        wire=wire,
        remember=False,
    )
    try:
        asyncio.run(_serve(fake))
    except OSError as error:
        raise CommandError(f"port {port} can't be had: {error.strerror or error}") from None
    click.echo(f"asked {fake.count} times, busy for {fake.busy_seconds:.1f} s", err=True)
    return OK


def _shares(text: str) -> dict[str, float]:
    """Read `name=share,...`.

    Raises:
        ValueError: that is not what it says.
    """
    shares = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, share = part.partition("=")
        try:
            shares[name.strip()] = float(share)
        except ValueError:
            raise ValueError(f"--faults: {part!r} is not like babble=0.05") from None
    return shares


async def _serve(fake: object) -> None:
    from agents.judges.fake import FakeJudge

    assert isinstance(fake, FakeJudge)
    done = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    async with fake:
        click.echo(f"a fake judge listens at {fake.url}")
        await done.wait()
