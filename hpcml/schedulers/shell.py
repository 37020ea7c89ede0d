"""Runs commands of schedulers, with a time limit: the only module that starts processes.

`run` runs once. `ask` repeats after temporary failures: for commands that only read or may be repeated, never
to submit.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hpcml.errors import SchedulerError
from hpcml.schedulers.base import Reply, complaint

# what busy or restarting controllers print; the call may be repeated, unless it submits something
TRANSIENT = (
    "socket timed out",
    "unable to contact slurm controller",
    "slurm controller is not responding",
    "slurm temporarily unable",
    "resource temporarily unavailable",
    "connection refused",
    "connection reset",
    "zero bytes were transmitted or received",
    "too many rpcs",
    "failed to connect to schedd",
    "failed to fetch ads",
    "can't find address of",
    "can't find address for",
    "communication error",
    "failed to end classad message",
)
_PR_SET_PDEATHSIG = 1
DOWN_HINT = "is the scheduler up, and is this its login node? what is running is not lost; try again later"


def run(command: Sequence[str], *, timeout: float = 60.0) -> Reply:
    """Run `command` once. Its refusal is a Reply; its absence or silence is a SchedulerError.

    timeout: seconds, after which the command and its children are killed.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # so that children of a wrapper end with it, below
        )
    except FileNotFoundError:
        hint = "load the module that brings it, or choose another site"
        raise SchedulerError(f"there is no command {command[0]} on this machine", hint) from None
    except OSError as error:
        raise SchedulerError(f"{command[0]} does not start: {error.strerror}") from error
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        raise SchedulerError(f"{command[0]} did not answer within {timeout:g} s", DOWN_HINT) from None
    except BaseException:
        _end(process)
        raise
    return Reply(process.returncode, stdout, stderr)


def ask(
    command: Sequence[str],
    *,
    timeout: float = 60.0,
    tries: int = 4,
    pause: float = 1.0,
    patience: float = 15.0,
) -> Reply:
    """Run a command that may be repeated, again after temporary failures, at most `tries` times.

    pause: seconds before the second try, doubled each time, with jitter so that many users of a
    recovering controller do not return together. patience: seconds after which no other try begins, since
    some commands wait long before they give up. Never use it to submit: a lost reply is not a refusal.
    """
    begun, asked = time.monotonic(), 0
    while True:
        reply = run(command, timeout=timeout)
        asked += 1
        if not is_transient(reply):
            return reply
        if asked == tries or time.monotonic() - begun > patience:
            raise SchedulerError(f"{command[0]} was asked {asked} times: {complaint(reply)}", DOWN_HINT)
        time.sleep(pause * 2 ** (asked - 1) * (0.5 + random.random()))


def is_transient(reply: Reply) -> bool:
    words = (reply.stderr + reply.stdout[:2000]).lower() if reply.code else ""
    return any(phrase in words for phrase in TRANSIENT)


def _end(process: subprocess.Popen[str]) -> None:
    """Kill the command with its children, and do not wait for pipes that they hold open."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def start(command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a long command in the background, its output appended to `log`; the caller waits for it.

    It gets a session of its own, so that Ctrl-C reaches only this process, which asks the ranks to stop. When
    this process is killed the kernel sends them SIGUSR1: no rank computes on unseen.
    """
    library = ctypes.CDLL(None, use_errno=True)

    def stop_with_parent() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1, 0, 0, 0)

    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        try:
            return subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=stop_with_parent,
            )
        except FileNotFoundError:
            raise SchedulerError(f"there is no command {command[0]} on this machine") from None
