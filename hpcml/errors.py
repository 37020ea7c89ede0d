"""Everything that can go wrong, in words, and the exit code of each.

HpcmlError
├── UsageError              2   the job file or the command line is wrong
│   ├── JobFileError        2   ... a line of the job file, named
│   ├── PlanConflict        2   the campaign directory was planned from something else
│   ├── InputChanged        2   an input file is no longer what was planned
│   ├── InputError          2   the data of an input cannot be used
│   └── MissingExtra        2   a package that is needed is not installed
├── Incomplete              3   units failed or are missing: resumable
│   └── StorageError        3   ... because the disk is full or cannot be written
├── SchedulerError          4   the scheduler refused or did not answer
├── IntegrityError          5   a part or a table is corrupt or contradicts another
└── Interrupted            85   stopped in good order, come back
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_INCOMPLETE = 3
EXIT_SCHEDULER = 4
EXIT_INTEGRITY = 5
EXIT_INTERRUPTED = 85


class HpcmlError(Exception):
    """A failure that a person can act on: one line that says what is wrong, and a hint."""

    exit_code = EXIT_BUG

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(HpcmlError, ValueError):
    exit_code = EXIT_USAGE


class JobFileError(UsageError):
    """A line of a job file or site file: the message starts with `file:line: key`."""


class PlanConflict(UsageError):
    """The campaign directory holds results of other parameters; the message carries the diff."""


class InputChanged(UsageError):
    """An input is not the file that was planned."""


class InputError(UsageError):
    """The data of an input cannot be used: a value, a column or a format that is not as it must be."""


class MissingExtra(UsageError):
    """A package is not installed; the hint says how to install it."""


class Incomplete(HpcmlError, RuntimeError):
    """Units are missing or failed; `hpcml resume` computes them."""

    exit_code = EXIT_INCOMPLETE


class StorageError(Incomplete):
    """The campaign directory cannot be written; what was recorded before stays."""


class SchedulerError(HpcmlError, RuntimeError):
    exit_code = EXIT_SCHEDULER


class IntegrityError(HpcmlError, RuntimeError):
    exit_code = EXIT_INTEGRITY


class Interrupted(HpcmlError, RuntimeError):
    exit_code = EXIT_INTERRUPTED


def nearest(name: str, allowed: list[str]) -> str:
    """'did you mean' text for `name`, from the standard library's matcher; '' without a match."""
    from difflib import get_close_matches

    close = get_close_matches(name, allowed, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else ""
