"""How pure functions say what is wrong with their arrays, and how steps report it to a person."""

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
def reported(subject: str = "", remedy: str = "") -> Iterator[None]:
    """A ValueError inside becomes a UsageError: `subject: problem`, with its own remedy or this one; a
    package that is not installed becomes one that names the extra. Keep what is inside small."""
    try:
        yield
    except UsageError:  # says it all; it is a ValueError, too
        raise
    except ValueError as error:
        own = " ".join(getattr(error, "__notes__", ()))
        raise UsageError(f"{subject}: {error}" if subject else str(error), own or remedy) from error
    except ModuleNotFoundError as error:
        raise UsageError(f"emulsion workloads need {error.name}", "pip install 'hpcml[emulsion]'") from error
