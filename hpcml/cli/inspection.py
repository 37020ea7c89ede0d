"""The commands that inspect a campaign: report, status, verify, units, workloads."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hpcml.cli.options import DIR, JSON, STEP, chosen_steps, open_campaign
from hpcml.errors import IntegrityError

if TYPE_CHECKING:
    from hpcml.commands.status import CampaignStatus
    from hpcml.directory.opened import OpenCampaign


@click.command()
@DIR
@JSON
@click.option("--watch", is_flag=True, help="Again every 2 s, until all is done.")
@click.option("--efficiency", "cost", is_flag=True, help="CPU time, memory, time lost, the next request.")
def status(directory: Path, as_json: bool, watch: bool, cost: bool) -> None:
    """What is done, failed and missing, per step and shard."""
    from hpcml.commands.status import status as take_status

    opened = open_campaign(directory)
    if cost:
        _show_efficiency(opened, as_json)
        return
    while True:
        found = take_status(opened)
        if as_json:
            click.echo(json.dumps(found.to_json(), indent=1))
        else:
            _show_status(found, clear=watch)
        if not watch or found.complete:
            return
        time.sleep(2.0)


def _show_efficiency(opened: OpenCampaign, as_json: bool) -> None:
    from dataclasses import asdict

    from hpcml.cli.text import efficiency_lines
    from hpcml.commands.efficiency import efficiency
    from hpcml.directory.intake import reading

    with reading(opened) as history:
        found = efficiency(opened, history)
    if as_json:
        click.echo(json.dumps([asdict(step) for step in found], indent=1))
        return
    for line in efficiency_lines(found):
        click.echo(line)


def _show_status(found: CampaignStatus, *, clear: bool) -> None:
    from hpcml.cli.text import status_lines

    if clear and sys.stdout.isatty():
        click.clear()
    for line in status_lines(found):
        click.echo(line)


@click.command()
@DIR
@JSON
@click.option(
    "--set-aside", is_flag=True, help="Move damaged files away, so that resume computes them again."
)
def verify(directory: Path, as_json: bool, set_aside: bool) -> None:
    """Check every file against its checksums. Prints one content digest per table."""
    from hpcml.commands.verify import verify as check

    found = check(open_campaign(directory), set_aside=set_aside)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=1))
    else:
        for name, digest in found.digests.items():
            click.echo(f"{digest}  {name}")
        click.echo(f"{found.files} files, {found.bytes} bytes read")
    for name in found.set_aside:
        click.echo(f"hpcml: set aside: {name}", err=True)
    for problem in found.problems[1:]:
        click.echo(f"hpcml: problem: {problem}", err=True)
    if found.unresolved:
        raise IntegrityError(found.unresolved[0], "put it back from a backup, or plan a new campaign")
    if found.problems and not set_aside:
        raise IntegrityError(
            found.problems[0],
            f"`hpcml verify {directory} --set-aside` moves damaged files away;"
            f" then `hpcml resume {directory}`",
        )


@click.command()
@DIR
@STEP
@click.option(
    "--state", type=click.Choice(["all", "done", "missing", "failed"]), default="all", show_default=True
)
@JSON
def units(directory: Path, step_name: str | None, state: str, as_json: bool) -> None:
    """List units, with their state."""
    from hpcml.commands.units import list_units
    from hpcml.directory.intake import reading

    opened = open_campaign(directory)
    steps = chosen_steps(opened, step_name)
    with reading(opened) as history:
        # a step that waits for others has no units yet: an error only where it is asked for by name
        listed = steps if step_name else [step for step in steps if step.listed()]
        rows = [row for step in listed for row in list_units(step, history, state)]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        click.echo(
            f"{row['step']}\t{row['unit']}\t{row['state']}" + (f"\t{row['error']}" if row["error"] else "")
        )


@click.command()
@click.argument("name", required=False)
def workloads(name: str | None) -> None:
    """List workloads, or describe one. Its parameters, inputs and columns are shown."""
    from hpcml import registry
    from hpcml.commands.workloads import describe, purpose

    if name:
        for line in describe(registry.load(name), name):
            click.echo(line)
        return
    names = registry.known_names()
    width = max(map(len, names))
    for known in names:
        click.echo(f"{known:<{width}}  {purpose(registry.load(known))}")


@click.command()
@DIR
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), help="Folder to write to [report/ in the campaign]."
)
def report(directory: Path, folder: Path | None) -> None:
    """Draw the plots of all merged steps, on one page."""
    from hpcml.commands.report import report as draw

    page = draw(open_campaign(directory), folder)
    click.echo(page if page else "no merged step draws anything")


COMMANDS = (report, status, verify, units, workloads)
