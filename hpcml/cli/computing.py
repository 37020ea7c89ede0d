"""The commands that plan and compute: validate, plan, run, resume, work, merge."""

from __future__ import annotations

import faulthandler
import json
import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpcml.campaign import SchedulerName
from hpcml.cli.cluster import resume_there
from hpcml.cli.options import (
    DIR,
    DRY_RUN,
    FOLDER,
    HASH,
    JOB,
    SET,
    SITE,
    STEP,
    UNITS,
    chosen_steps,
    open_campaign,
    planned,
)
from hpcml.quantities import counted

if TYPE_CHECKING:
    from hpcml.commands.run import RunOptions
    from hpcml.directory.opened import OpenCampaign
    from hpcml.inputfile import HashMode
    from hpcml.jobfile.origins import Resolved


def _resolve(
    job: Path, overrides: Sequence[str], site: str | None, *, check: bool, hash_mode: HashMode
) -> Resolved:
    from hpcml.jobfile.resolve import resolve

    resolved, warnings = resolve(job, overrides=overrides, site=site, check_inputs=check, hash_mode=hash_mode)
    for line in warnings:
        click.echo(f"hpcml: warning: {line}", err=True)
    return resolved


@click.command()
@click.argument("job", type=click.Path(path_type=Path), required=False)
@SET
@SITE
@click.option("--inputs", is_flag=True, help="An absent input file is an error.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of job files, for editors.")
def validate(
    job: Path | None, overrides: tuple[str, ...], site: str | None, inputs: bool, schema: bool
) -> None:
    """Check a job file."""
    if schema:
        from hpcml.jobfile.models import job_schema

        click.echo(json.dumps(job_schema(), indent=1))
        return
    if job is None:
        raise click.UsageError("Missing argument 'JOB'.")
    resolved = _resolve(job, overrides, site, check=inputs, hash_mode="fast")
    steps = ", ".join(step.name for step in resolved.campaign.steps)
    click.echo(f"{job}: campaign {resolved.campaign.name!r} is valid (steps: {steps})")


@click.command()
@JOB
@SET
@SITE
@FOLDER
@HASH
@click.option("--explain", is_flag=True, help="Print every value with its origin; nothing is written.")
def plan(
    job: Path,
    overrides: tuple[str, ...],
    site: str | None,
    folder: Path | None,
    hash_mode: HashMode,
    explain: bool,
) -> None:
    """Make or extend a campaign directory."""
    if explain:
        from hpcml.jobfile.origins import explain as explained

        rows = explained(_resolve(job, overrides, site, check=True, hash_mode=hash_mode))
        width = max(len(key) for key, _, _ in rows)
        for key, value, origin in rows:
            click.echo(f"{key:<{width}}  {value}  # {origin}")
        return
    from hpcml.commands.plan import plan as make_plan

    resolved = _resolve(job, overrides, site, check=True, hash_mode=hash_mode)
    done = make_plan(resolved.campaign, folder or Path("campaigns") / resolved.campaign.name)
    click.echo(f"{done.root}: {done.what}")
    for name, count in done.units.items():
        if count >= 0:
            click.echo(f"  {name}: {counted(count, 'unit')}")
        else:
            click.echo(f"  {name}: units are listed when {', '.join(done.waiting_for[name])} is merged")


@click.command()
@click.argument("job", type=click.Path(path_type=Path), metavar="JOB|DIRECTORY")
@SET
@SITE
@FOLDER
@HASH
@STEP
@click.option("--ranks", type=click.IntRange(1), default=None, help="Processes per shard [the job file's].")
@click.option("--shards", type=click.IntRange(1), default=None, help="Shards per step [the job file's].")
@click.option("--allow-missing", is_flag=True, help="Merge without units that failed; the table lists them.")
@UNITS
def run(
    job: Path, overrides: tuple[str, ...], site: str | None, folder: Path | None, hash_mode: HashMode,
    step_name: str | None, ranks: int | None, shards: int | None, allow_missing: bool, units: str | None,
) -> None:  # fmt: skip
    """Do all of a campaign on this machine. Plan, compute, merge and report."""
    from hpcml.commands.run import RunOptions

    opened = planned(job, overrides, site, folder, hash_mode)
    step = step_name or ""
    _run_here(opened, RunOptions(ranks or 0, shards or 0, allow_missing, step, units=units or ""))


def _run_here(opened: OpenCampaign, options: RunOptions) -> None:
    from hpcml.cli.progress import shown_progress
    from hpcml.cli.text import summary_lines
    from hpcml.commands.report import report
    from hpcml.commands.run import run as run_all

    if options.units and options.allow_missing:
        raise click.UsageError("--units merges complete steps only: it does not go with --allow-missing")
    with shown_progress() as progress:
        merged = run_all(opened, options, progress)
    for result in merged:
        for line in summary_lines(result.step, opened.step(result.step).table().summary()):
            click.echo(line)
    page = report(opened)
    if page:
        click.echo(f"report: {page}")


@click.command()
@DIR
@STEP
@click.option("--ranks", type=click.IntRange(1), default=None, help="Processes per shard [the job file's].")
@click.option("--shards", type=click.IntRange(1), default=None, help="Shards for what is missing.")
@click.option("--allow-missing", is_flag=True, help="Merge without units that failed; the table lists them.")
@UNITS
@click.option("--retry-failed", is_flag=True, help="Forget earlier failures: units get max_attempts again.")
@click.option("--here", is_flag=True, help="On this machine, even if the campaign was planned for a cluster.")
@click.option(
    "--automatic", type=int, hidden=True
)  # by the merge of that attempt: what another try can get past
@DRY_RUN
def resume(
    directory: Path,
    step_name: str | None,
    ranks: int | None,
    shards: int | None,
    allow_missing: bool,
    retry_failed: bool,
    here: bool,
    automatic: int | None,
    dry_run: bool,
    units: str | None,
) -> int:
    """Compute what is missing, then merge. On a cluster, submit what is missing."""
    from hpcml.commands.run import RunOptions

    opened = open_campaign(directory)
    on_cluster = opened.campaign.site.scheduler != SchedulerName.LOCAL and not here
    if dry_run and not on_cluster:
        raise click.UsageError("--dry-run shows what would be submitted; here nothing is submitted")
    forgiven = tuple(step.name for step in chosen_steps(opened, step_name)) if retry_failed else ()
    if on_cluster:
        return resume_there(opened, shards, forgiven, dry_run, automatic, units or "")
    options = RunOptions(ranks or 0, shards or 0, allow_missing, retry_failed=forgiven, units=units or "")
    _run_here(opened, options)
    return 0


@click.command()
@DIR
@click.option("--step", "step_name", required=True, metavar="STEP")
@click.option("--shard", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--shards", type=click.IntRange(1), default=None, help="Shards the step is cut into [the job file's]."
)
@click.option("--attempt", type=click.IntRange(1), default=1, help="Units of this resume instead of all.")
@click.option(
    "--ranks", type=click.IntRange(1), default=None, help="World size to insist on [the launcher's]."
)
@click.option("--claims", type=click.Path(path_type=Path), hidden=True)  # given by rank.sh
def work(
    directory: Path,
    step_name: str,
    shard: int,
    shards: int | None,
    attempt: int,
    ranks: int | None,
    claims: Path | None,
) -> int:
    """Compute one shard, on all ranks of an MPI world.

    For example: mpiexec -n 4 hpcml work DIRECTORY --step scan --shard 7
    """
    from hpcml.commands.work import work as compute
    from hpcml.worker.assignment import ShardRequest

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    faulthandler.enable(2)  # a compiled kernel that crashes says where
    return compute(ShardRequest(directory, step_name, shard, shards or 0, attempt, ranks or 0, claims))


@click.command()
@DIR
@STEP
@click.option(
    "--allow-missing", is_flag=True, help="Write what is absent into the table instead of refusing."
)
@click.option("--on-conflict", type=click.Choice(["refuse", "first"]), default="refuse", show_default=True,
              help="Two different results of one unit: refuse, or keep the first file by name.")  # fmt: skip
def merge(directory: Path, step_name: str | None, allow_missing: bool, on_conflict: Any) -> None:
    """Merge parts into one table per step. Refuses when units are missing."""
    from hpcml.cli.progress import shown_progress
    from hpcml.cli.text import merged_lines, summary_lines
    from hpcml.commands.merge import merge as merge_step

    opened = open_campaign(directory)
    for step in chosen_steps(opened, step_name):
        with shown_progress() as progress:
            merged = merge_step(
                opened,
                step,
                allow_missing=allow_missing,
                on_conflict=on_conflict,
                progress=partial(progress.merging, step.name),
            )
        for line in (*merged_lines(merged), *summary_lines(step.name, step.table().summary())):
            click.echo(line)


COMMANDS = (validate, plan, run, resume, work, merge)
