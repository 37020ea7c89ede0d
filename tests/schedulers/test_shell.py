"""Running a scheduler's command: refusals, silence, absence, passing troubles."""

from __future__ import annotations

import time

import pytest

from hpcml.errors import SchedulerError
from hpcml.schedulers.base import scheduler
from hpcml.schedulers.shell import ask, run

from .conftest import Fakes


def test_a_refusal_is_a_reply(fakes: Fakes) -> None:
    fakes.answer("sbatch", err="sbatch: error: invalid partition specified: nowhere\n", code=1)
    reply = run(["sbatch", "x"])
    assert (reply.code, reply.stdout) == (1, "")
    with pytest.raises(SchedulerError, match="invalid partition specified: nowhere"):
        scheduler("slurm").parse_submit(reply)


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(SchedulerError, match="no command nobatch on this machine"):
        run(["nobatch"])


def test_silence_ends_with_the_timeout_and_its_children(fakes: Fakes) -> None:
    fakes.answer("squeue", sleep=30)
    start = time.monotonic()
    with pytest.raises(SchedulerError, match="did not answer within"):
        run(["squeue"], timeout=0.3)
    assert time.monotonic() - start < 3


def test_passing_troubles_are_asked_again(fakes: Fakes) -> None:
    fakes.answer("squeue", err="slurm_load_jobs error: Socket timed out on send/recv operation\n", code=1)
    fakes.answer("squeue", err="slurm_load_jobs error: Unable to contact slurm controller\n", code=1)
    fakes.answer("squeue", out="fine\n")
    assert ask(["squeue"], pause=0.01).stdout == "fine\n"
    assert len(fakes.calls("squeue")) == 3


def test_asking_has_an_end(fakes: Fakes) -> None:
    fakes.answer("condor_q", err="-- Failed to fetch ads from: <127.0.0.1:9618> : vm\n", code=1)
    with pytest.raises(SchedulerError, match="asked 3 times: -- Failed to fetch ads") as caught:
        ask(["condor_q"], pause=0.01, tries=3)
    assert caught.value.hint and caught.value.exit_code == 4
    assert len(fakes.calls("condor_q")) == 3


def test_a_lasting_refusal_is_not_asked_again(fakes: Fakes) -> None:
    fakes.answer("sacct", err="Slurm accounting storage is disabled\n", code=1)
    assert ask(["sacct"]).code == 1
    assert len(fakes.calls("sacct")) == 1
