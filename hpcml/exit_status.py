"""What an exit status means: the exit codes of hpcml, and signals in the ways that launchers report them.

Three conventions are in use: Python's subprocess gives -n for a process that signal n ended, shells and Open
MPI's mpiexec give 128+n, MPICH's mpiexec gives n itself. `shell_code` turns all of them into the shell's;
templates/common/rank.sh does the same in bash. No exit code of hpcml's own is among MPICH's numbers.
"""

from __future__ import annotations

import signal

from hpcml.errors import (
    EXIT_BUG,
    EXIT_DONE,
    EXIT_INCOMPLETE,
    EXIT_INTEGRITY,
    EXIT_INTERRUPTED,
    EXIT_SCHEDULER,
    EXIT_USAGE,
)

# of the shell: the command is there but may not be executed, and is not there at all
NOT_EXECUTABLE = 126
NOT_FOUND = 127
SIGNAL_BASE = 128
# from SIGABRT to SIGTERM: what ends ranks; a lower number is an exit code of hpcml
BARE_SIGNALS = range(6, 16)
_MEANINGS = {
    EXIT_DONE: "done",
    EXIT_BUG: "a bug of hpcml",
    EXIT_USAGE: "the job file or the command line is wrong",
    EXIT_INCOMPLETE: "units failed or are missing",
    EXIT_SCHEDULER: "the scheduler refused or did not answer",
    EXIT_INTEGRITY: "a part or a table is corrupt or contradicts another",
    EXIT_INTERRUPTED: "interrupted in good order",
    NOT_EXECUTABLE: "Python or the launcher may not be executed",
    NOT_FOUND: "no Python or no launcher",
}


def shell_code(code: int) -> int:
    """The exit code as bash has it, 0 to 255: 128+n for a process that signal n ended."""
    if code < 0:
        return SIGNAL_BASE - code
    return SIGNAL_BASE + code if code in BARE_SIGNALS else code


def ending_signal(code: int) -> int:
    """The signal that ended the process; 0 when it ended by itself."""
    number = shell_code(code) - SIGNAL_BASE
    return number if 0 < number < signal.NSIG else 0


def is_killed(code: int) -> bool:
    """Was it ended from outside? What it had recorded is kept, so it is resumable.

    Launchers also use numbers above those of all signals, when they lose a node.
    """
    return shell_code(code) > SIGNAL_BASE


def describe_exit(code: int) -> str:
    """'was ended by signal 9 (SIGKILL)', 'ended with exit code 3 (units failed or are missing)'."""
    number = ending_signal(code)
    if number:
        return f"was ended by signal {number} ({_signal_name(number)})"
    meaning = _MEANINGS.get(code)
    return f"ended with exit code {code}" + (f" ({meaning})" if meaning else "")


def reported_exit_code(code: int) -> int:
    """What a command exits with whose ranks ended with `code`: their own where it has a meaning to users."""
    if code in (EXIT_USAGE, EXIT_INCOMPLETE, EXIT_INTEGRITY, EXIT_INTERRUPTED):
        return code
    return EXIT_INCOMPLETE if is_killed(code) else EXIT_BUG


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal between the two that have names
        return "a real-time signal"
