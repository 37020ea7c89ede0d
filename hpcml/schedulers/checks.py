"""Questions of `hpcml site check` to a scheduler: a command, and how its reply is read. Nothing runs here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hpcml.schedulers.base import Reply


@dataclass(frozen=True, slots=True)
class Answer:
    """good is None where the answer is only worth knowing."""

    text: str
    good: bool | None


def first_line(reply: Reply) -> Answer:
    """The first line that the command printed; good when it succeeded."""
    lines = [line.strip() for line in (reply.stdout or reply.stderr).splitlines() if line.strip()]
    return Answer(lines[0] if lines else "no answer", reply.code == 0)


@dataclass(frozen=True, slots=True)
class Check:
    """One question. command: may be repeated, changes nothing."""

    question: str
    command: tuple[str, ...]
    read: Callable[[Reply], Answer] = first_line
