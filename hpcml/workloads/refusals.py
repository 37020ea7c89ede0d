"""How pure functions refuse their arrays, and how steps report that to a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hpcml.errors import UsageError


def refusal(problem: str, remedy: str) -> ValueError:
    """A ValueError that carries what to do about it as a note."""
    error = ValueError(problem)
    error.add_note(remedy)
    return error


@contextmanager
def reported(subject: str = "") -> Iterator[None]:
    """A ValueError inside becomes a UsageError: `subject: problem`, with its remedy as the hint."""
    try:
        yield
    except UsageError:  # it is a ValueError, too, and complete
        raise
    except ValueError as error:
        remedy = " ".join(getattr(error, "__notes__", ()))
        raise UsageError(f"{subject}: {error}" if subject else str(error), remedy) from error
