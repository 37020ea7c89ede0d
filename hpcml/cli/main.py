"""The entry point: the group of commands, and what becomes of an exception.

Heavy modules are imported inside the command that needs them: `hpcml --help` loads click alone.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

from hpcml.cli import cluster, computing, inspection
from hpcml.errors import EXIT_BUG, HpcmlError, UsageError, nearest

ORDER = (
    *("validate", "plan", "run", "render", "submit", "work", "merge", "status", "explain", "logs"),
    *("resume", "cancel", "report", "verify", "units", "workloads", "site", "completion"),
)


class _Group(click.Group):
    """Commands in the order of a campaign's life; a wrong name answers with the right one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in ORDER if name in self.commands]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Old releases of click propose no other name, and new ones do it in another form than ours."""
        name = args[0]
        if name not in self.commands and not name.startswith("-") and not ctx.resilient_parsing:
            hint = nearest(name, self.list_commands(ctx)) or "`hpcml --help` lists the commands"
            raise UsageError(f"no command {name!r}", hint)
        return super().resolve_command(ctx, args)

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


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script for completion in your shell.

    To use it now: eval "$(hpcml completion bash)"
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    print(found(cli, {}, "hpcml", "_HPCML_COMPLETE").source())


for command in (*computing.COMMANDS, *cluster.COMMANDS, *inspection.COMMANDS):
    cli.add_command(command)
