"""The commands that deal with a scheduler: render, submit, explain, cancel, logs, site, sandbox, pack."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hpcml.cli.options import DIR, DRY_RUN, FOLDER, JOB_OR_DIR, SET, SITE, STEP, open_campaign, planned
from hpcml.errors import EXIT_INTERRUPTED, SchedulerError
from hpcml.quantities import counted

if TYPE_CHECKING:
    from hpcml.directory.opened import OpenCampaign


@click.command()
@JOB_OR_DIR
@SET
@SITE
@FOLDER
@STEP
def render(
    place: Path, overrides: tuple[str, ...], site: str | None, folder: Path | None, step_name: str | None
) -> None:
    """Write the scheduler's files, to look at or to submit by hand."""
    from hpcml.commands.render import render as render_files

    for path in render_files(planned(place, overrides, site, folder), step_name):
        click.echo(path)


@click.command()
@JOB_OR_DIR
@SET
@SITE
@FOLDER
@DRY_RUN
def submit(
    place: Path, overrides: tuple[str, ...], site: str | None, folder: Path | None, dry_run: bool
) -> None:
    """Submit every step that is not merged, chained, and return."""
    from hpcml.cli.text import sent_lines
    from hpcml.commands.submit import submit as send_all

    opened = planned(place, overrides, site, folder)
    for line in sent_lines(send_all(opened, dry_run=dry_run), dry_run):
        click.echo(line)


def resume_there(
    opened: OpenCampaign,
    shards: int | None,
    retry_failed: Sequence[str],
    dry_run: bool,
    automatic: int | None,
    units: str,
) -> int:
    """`hpcml resume` of a campaign that was planned for a cluster.

    automatic: the attempt whose merge job says it. It hears 85 when a later attempt goes on.
    """
    from hpcml.cli.text import sent_lines
    from hpcml.commands.resume import resume

    resumed = resume(
        opened,
        shards=shards or 0,
        retry_failed=retry_failed,
        dry_run=dry_run,
        automatic=automatic or 0,
        units=units,
    )
    for line in resumed.messages:
        click.echo(line)
    if resumed.sent is not None:
        for line in sent_lines(resumed.sent, dry_run):
            click.echo(line)
    return EXIT_INTERRUPTED if automatic is not None and resumed.attempt > automatic else 0


@click.command()
@DIR
def explain(directory: Path) -> None:
    """Why a campaign is not done. Pending, held and failed jobs in plain sentences, each with its remedy."""
    from hpcml.commands.explain import explain as find_reasons

    reasons = find_reasons(open_campaign(directory))
    if not reasons:
        click.echo("everything is merged")
    for reason in reasons:
        click.echo(f"{reason.who}: {reason.sentence}")
        if reason.remedy:
            click.echo(f"    -> {reason.remedy}")


@click.command()
@DIR
@click.option("--dry-run", is_flag=True, help="Show the call only.")
def cancel(directory: Path, dry_run: bool) -> None:
    """Take the campaign's jobs out of the queue. What is recorded stays."""
    from hpcml.commands.cancel import cancel as cancel_jobs

    command, live = cancel_jobs(open_campaign(directory), dry_run=dry_run)
    if not command:
        click.echo("no job is queued or running")
    elif dry_run:
        click.echo(" ".join(command))
    else:
        click.echo(f"cancelled {counted(live, 'job')}")


@click.command()
@DIR
@STEP
@click.option("--shard", type=click.IntRange(0), default=None, help="Only this shard.")
@click.option("--lines", type=click.IntRange(1), default=20, show_default=True, help="Of each file's end.")
def logs(directory: Path, step_name: str | None, shard: int | None, lines: int) -> None:
    """What jobs printed: the end of each file."""
    from hpcml.commands.logs import log_files
    from hpcml.directory.history import History

    opened = open_campaign(directory)
    history = History.read(opened.layout.journal)
    found = log_files(opened, history, step=step_name, shard=shard)
    if not found:
        click.echo("no job has printed anything yet")
    for log in found:
        click.echo(f"==> {log.path}")
        for line in log.tail(lines):
            click.echo(line)


@click.group()
def site() -> None:
    """Where jobs run: list sites, show one, check one."""


@site.command("list")
def site_list() -> None:
    """Names and files of all sites. Yours in ~/.config/hpcml/sites come first."""
    from hpcml.jobfile.sites import sites

    for name, path in sites():
        click.echo(f"{name:<20} {path}")


@site.command("show")
@click.argument("name")
def site_show(name: str) -> None:
    """A site as hpcml reads it."""
    import json
    from dataclasses import asdict

    from hpcml.jobfile.sites import load_site

    click.echo(json.dumps(asdict(load_site(name)), indent=1, default=list))


@site.command("check")
@click.argument("name")
@click.option("--job/--no-job", default=True, help="Send a two-rank probe job through the scheduler.")
@click.option("--workload", help="Can a worker import it?")
@click.option("--timeout", default=300.0, show_default=True, help="Seconds to wait for the probe job.")
def site_check(name: str, job: bool, workload: str | None, timeout: float) -> None:
    """Check a site. Is the scheduler there, which MPI starts ranks, does a probe job come back?"""
    import secrets

    from hpcml import registry
    from hpcml.commands.site import check_here, check_with_job
    from hpcml.jobfile.sites import load_site

    chosen = load_site(name)
    findings = list(check_here(chosen))
    modules = registry.modules_of(workload) if workload else ()
    if job:
        folder = Path(f"hpcml-site-probe-{secrets.token_hex(3)}").absolute()
        findings += check_with_job(
            chosen, folder, modules=modules, timeout=timeout, show=lambda line: click.echo(line, err=True)
        )
    for one in findings:
        mark = {True: "ok  ", False: "BAD ", None: "note"}[one.good]
        click.echo(f"{mark} {one.question} {one.answer}")
    if any(one.good is False for one in findings):
        raise SchedulerError(f"site {name!r} is not ready", "the lines marked BAD say what to change")


@click.command(hidden=True)
@DIR
@click.option("--step", "step_name", required=True, metavar="STEP")
@click.option("--attempt", type=click.IntRange(1), required=True)
def sandbox(directory: Path, step_name: str, attempt: int) -> None:
    """Called by DAGMan, on the access point: write what the shards of a step take with them."""
    from hpcml.commands.sandbox import make_sandbox

    opened = open_campaign(directory)
    click.echo(make_sandbox(opened, opened.step(step_name), attempt))


@click.command(hidden=True)
@click.argument("folder", type=click.Path(path_type=Path), metavar="SANDBOX")
@click.option("--shard", type=click.IntRange(0), required=True)
def pack(folder: Path, shard: int) -> None:
    """Called by rank.sh, in a job's scratch folder: pack what was recorded in a sandbox."""
    from hpcml.errors import UsageError
    from hpcml.store.layout import Layout
    from hpcml.store.output_archive import pack as pack_outputs
    from hpcml.store.sandbox import read_sandbox_note

    note = read_sandbox_note(folder)
    if note is None:
        raise UsageError(f"{folder} is not a sandbox", "rank.sh calls this where its shard has computed")
    click.echo(pack_outputs(Layout(folder), note, shard).name)


COMMANDS = (render, submit, explain, cancel, logs, site, sandbox, pack)
