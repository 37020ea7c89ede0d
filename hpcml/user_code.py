"""Calls into user code: an exception of a workload is reported as the workload's own."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from hpcml.errors import HpcmlError, UsageError

LONGEST = 1000


def describe_exception(error: BaseException) -> str:
    """`TypeName: text` of anybody's exception: whatever its text is, this can be printed and encoded.
    The hint of an error of ours follows in parentheses."""
    try:
        text = str(error)
    except Exception:  # exceptions may fail to say what they are
        text = "(its text cannot be printed)"
    text = "".join(
        one if one.isprintable() or one in "\n\t" else ascii(one)[1:-1] for one in text[: 2 * LONGEST]
    )
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}..."
    hint = error.hint if isinstance(error, HpcmlError) else ""
    return f"{type(error).__name__}: {text}" + (f" ({hint})" if hint else "")


@contextmanager
def calling_user_code(workload: str, method: str, hint: str = "") -> Iterator[None]:
    """Around a call of the method `method`: what it raises becomes a UsageError, with file and line.

    SystemExit counts as an exception: a workload does not end the engine.
    """
    try:
        yield
    except HpcmlError:
        raise
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        last = frames[-1] if len(frames) > 1 else None  # the first frame is the call itself
        where = f" ({last.filename}:{last.lineno})" if last else ""
        raise UsageError(
            f"workload {workload!r}: {method} raised {describe_exception(error)}{where}",
            hint or "fix the workload; `hpcml --traceback ...` shows the calls that led to that line",
        ) from error
