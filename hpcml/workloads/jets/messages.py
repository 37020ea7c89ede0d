"""Errors of physics modules, reported as errors of what the user gave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hpcml.errors import UsageError


@contextmanager
def as_usage_error(prefix: str = "") -> Iterator[None]:
    """Around physics that refuses values by a ValueError: its text becomes a UsageError, after `prefix`."""
    try:
        yield
    except UsageError:
        raise
    except ValueError as error:
        raise UsageError(f"{prefix}{error}") from error
