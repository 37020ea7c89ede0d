"""Command line -> one command call -> lines on stdout, exit code. The only room that prints.

Heavy modules are imported inside the verb that needs them: `hpcml --help` loads click alone.
"""

from __future__ import annotations

import atexit
import faulthandler
import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpcml.cli import cluster, inspection
from hpcml.cli.cluster import (
    DIR,
    DRY_RUN,
    FOLDER,
    SET,
    SITE,
    STEP,
    chosen_steps,
    open_campaign,
    planned,
    resume_there,
)
from hpcml.errors import EXIT_BUG, HpcmlError

if TYPE_CHECKING:
    from hpcml.commands.run import RunOptions
    from hpcml.directory.opened import OpenCampaign
    from hpcml.inputfile import HashMode
    from hpcml.jobfile.resolve import Resolved

JOB = click.argument("job", type=click.Path(path_type=Path))
HASH = click.option(
    "--hash",
    "hash_mode",
    type=click.Choice(["fast", "full"]),
    default="fast",
    show_default=True,
    help="Input digests: three MiB of each file, or all of it.",
)

ORDER = (
    *("validate", "plan", "run", "render", "submit", "work", "merge", "status", "explain", "logs"),
    *("resume", "cancel", "report", "verify", "units", "workloads", "site", "completion"),
)


class _Group(click.Group):
    """Commands in the order of a campaign's life; a wrong name answers with the right one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in ORDER if name in self.commands]

    def invoke(self, ctx: click.Context) -> Any:
        """A reader of our output that has left (`hpcml units | head`) is no error; click would exit 1."""
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return code


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(None, "-V", "--version", package_name="hpcml")
@click.option("--traceback", "show_traceback", is_flag=True, help="Show where an error came from.")
def cli(show_traceback: bool) -> None:
    """One job file becomes one verified table, on any number of ranks, killed and resumed.

    \b
    Exit codes: 0 done, 1 a bug of ours, 2 the job file or the command line is wrong,
    3 units failed or are missing (resume), 4 the scheduler refused, 5 a file is damaged
    or contradicts another, 85 interrupted in good order (resume).
    """


def main() -> None:
    """Entry point of `hpcml` and `python -m hpcml`."""
    code = _run(sys.argv[1:])
    if threading.active_count() == 1 and "mpi4py" not in sys.modules:
        # what others registered for the end still runs; left out is only to take NumPy and h5py down module
        # by module, which takes as long as importing h5py
        atexit._run_exitfuncs()
        with suppress(BrokenPipeError):  # a reader that has left, see _Group
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _run(arguments: Sequence[str]) -> int:
    try:
        code = cli.main(args=list(arguments), prog_name="hpcml", standalone_mode=False)
        return int(code or 0)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # click 8.2 and later: `hpcml` alone asks for help
            print(error.format_message())
            return 2
        _complain(error.format_message(), _usage_hint(error))
        return 2
    except click.Abort:
        return 130
    except HpcmlError as error:
        if "--traceback" in arguments:
            traceback.print_exc()
        _complain(error.message, error.hint)
        return error.exit_code
    except Exception:
        traceback.print_exc()
        _complain("this is a bug of hpcml, not of your job file", "please report the lines above")
        return EXIT_BUG


def _complain(message: str, hint: str) -> None:
    print(f"hpcml: error: {' '.join(message.split())}", file=sys.stderr)
    if hint:
        print(f"hpcml: hint: {' '.join(hint.split())}", file=sys.stderr)


def _usage_hint(error: click.ClickException) -> str:
    ctx = getattr(error, "ctx", None)
    return f"`{ctx.command_path} --help`" if ctx else "`hpcml --help`"


def _resolve(
    job: Path, overrides: Sequence[str], site: str | None, *, check: bool, hash_mode: HashMode
) -> Resolved:
    from hpcml.jobfile.resolve import resolve

    resolved, warnings = resolve(job, overrides=overrides, site=site, check_inputs=check, hash_mode=hash_mode)
    for line in warnings:
        print(f"hpcml: warning: {line}", file=sys.stderr)
    return resolved


@cli.command()
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
        from hpcml.jobfile.resolve import job_schema

        print(json.dumps(job_schema(), indent=1))
        return
    if job is None:
        raise click.UsageError("Missing argument 'JOB'.")
    resolved = _resolve(job, overrides, site, check=inputs, hash_mode="fast")
    steps = ", ".join(step.name for step in resolved.campaign.steps)
    print(f"{job}: campaign {resolved.campaign.name!r} is valid (steps: {steps})")


@cli.command()
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
        from hpcml.jobfile.resolve import explain as explained

        rows = explained(_resolve(job, overrides, site, check=True, hash_mode=hash_mode))
        width = max(len(key) for key, _, _ in rows)
        for key, value, origin in rows:
            print(f"{key:<{width}}  {value}  # {origin}")
        return
    from hpcml.commands.plan import plan as make_plan

    resolved = _resolve(job, overrides, site, check=True, hash_mode=hash_mode)
    done = make_plan(resolved.campaign, folder or Path("campaigns") / resolved.campaign.name)
    print(f"{done.root}: {done.what}")
    for name, count in done.units.items():
        if count >= 0:
            print(f"  {name}: {count} units")
        else:
            print(f"  {name}: units are listed when {', '.join(done.waiting_for[name])} is merged")


@cli.command()
@click.argument("job", type=click.Path(path_type=Path), metavar="JOB|DIR")
@SET
@SITE
@FOLDER
@HASH
@STEP
@click.option("--ranks", type=click.IntRange(1), default=None, help="Processes per shard [the job file's].")
@click.option("--shards", type=click.IntRange(1), default=None, help="Shards per step [the job file's].")
@click.option("--allow-missing", is_flag=True, help="Merge without units that failed; the table lists them.")
def run(
    job: Path, overrides: tuple[str, ...], site: str | None, folder: Path | None, hash_mode: HashMode,
    step_name: str | None, ranks: int | None, shards: int | None, allow_missing: bool,
) -> None:  # fmt: skip
    """Do all of a campaign on this machine: plan, compute, merge, report."""
    from hpcml.commands.run import RunOptions

    opened = planned(job, overrides, site, folder, hash_mode)
    _run_here(opened, RunOptions(ranks or 0, shards or 0, allow_missing, step_name or ""))


def _run_here(opened: OpenCampaign, options: RunOptions) -> None:
    from hpcml.cli.progress import shown_progress
    from hpcml.commands.report import report
    from hpcml.commands.run import run as run_all

    with shown_progress() as progress:
        run_all(opened, options, progress)
    page = report(opened)
    if page:
        print(f"report: {page}")


@cli.command()
@DIR
@STEP
@click.option("--ranks", type=click.IntRange(1), default=None, help="Processes a shard [the job file's].")
@click.option("--shards", type=click.IntRange(1), default=None, help="Shards for what is missing.")
@click.option("--allow-missing", is_flag=True, help="Merge without units that failed; the table lists them.")
@click.option("--retry-failed", is_flag=True, help="Forget earlier failures: units get max_attempts anew.")
@click.option("--here", is_flag=True, help="On this machine, even if the campaign was planned for a cluster.")
@click.option("--automatic", type=int, hidden=True)  # by the merge of that attempt: what can be cured
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
) -> int:
    """Compute what is missing, then merge; on a cluster, submit what is missing."""
    from hpcml.commands.run import RunOptions

    opened = open_campaign(directory)
    on_cluster = opened.campaign.site.scheduler != "local" and not here
    if dry_run and not on_cluster:
        raise click.UsageError("--dry-run shows what would be submitted; here nothing is submitted")
    forgiven = tuple(step.name for step in chosen_steps(opened, step_name)) if retry_failed else ()
    if on_cluster:
        return resume_there(opened, shards, forgiven, dry_run, automatic)
    _run_here(opened, RunOptions(ranks or 0, shards or 0, allow_missing, retry_failed=forgiven))
    return 0


@cli.command()
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
@click.option("--begun", type=click.Path(path_type=Path), hidden=True)  # said by rank.sh
def work(
    directory: Path,
    step_name: str,
    shard: int,
    shards: int | None,
    attempt: int,
    ranks: int | None,
    begun: Path | None,
) -> int:
    """Compute one shard, on all ranks of this MPI world: mpiexec -n R hpcml work ..."""
    from hpcml.commands.work import work as compute
    from hpcml.worker.assignment import ShardRequest

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    faulthandler.enable(2)  # a compiled kernel that crashes says where
    return compute(ShardRequest(directory, step_name, shard, shards or 0, attempt, ranks or 0, begun))


@cli.command()
@DIR
@STEP
@click.option(
    "--allow-missing", is_flag=True, help="Write what is absent into the table instead of refusing."
)
@click.option("--on-conflict", type=click.Choice(["refuse", "first"]), default="refuse", show_default=True,
              help="Two different results of one unit: refuse, or keep the first file by name.")  # fmt: skip
def merge(directory: Path, step_name: str | None, allow_missing: bool, on_conflict: Any) -> None:
    """Parts -> one table per step; refuses gaps."""
    from hpcml.cli.progress import merged_lines, shown_progress
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
        for line in merged_lines(merged):
            print(line)


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes your shell complete hpcml's words: eval "$(hpcml completion bash)"."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    print(found(cli, {}, "hpcml", "_HPCML_COMPLETE").source())


for command in (*cluster.COMMANDS, *inspection.COMMANDS):
    cli.add_command(command)
