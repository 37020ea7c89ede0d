"""How pure functions refuse their arrays, and how steps report that to a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hpcml.errors import MissingExtra, UsageError


def refusal(problem: str, remedy: str) -> ValueError:
    """A ValueError that carries what to do about it as a note."""
    error = ValueError(problem)
    error.add_note(remedy)
    return error


@contextmanager
def reported(subject: str = "", remedy: str = "", *, extra: str = "") -> Iterator[None]:
    """A ValueError inside becomes a UsageError: `subject: problem`, with its own remedy, or this one, as the
    hint. With `extra`, a package that is not installed becomes one that names this extra of hpcml."""
    try:
        yield
    except UsageError:  # it is a ValueError, too, and complete
        raise
    except ValueError as error:
        own = " ".join(getattr(error, "__notes__", ()))
        raise UsageError(f"{subject}: {error}" if subject else str(error), own or remedy) from error
    except ModuleNotFoundError as error:
        if not extra:
            raise
        hint = f"pip install 'hpcml[{extra}]'"
        raise MissingExtra(f"{error.name} is not installed, which {extra} workloads need", hint) from error
