"""One meaning for an exit code, whoever reports it: Python, bash, Open MPI or MPICH."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpcml import errors, exit_status
from hpcml.share import resource_folder

GOLDEN = Path(__file__).resolve().parent / "golden"
signals = st.sampled_from([one.value for one in signal.Signals])
own_codes = [value for name, value in vars(errors).items() if name.startswith("EXIT_")]


@given(signals)
def test_subprocess_and_shell_report_the_same_signal(number: int) -> None:
    assert exit_status.shell_code(-number) == exit_status.shell_code(128 + number) == 128 + number
    assert exit_status.ending_signal(-number) == exit_status.ending_signal(128 + number) == number
    assert exit_status.describe_exit(-number) == exit_status.describe_exit(128 + number)
    assert signal.Signals(number).name in exit_status.describe_exit(-number)


@pytest.mark.parametrize("code", own_codes)
def test_an_exit_code_of_hpcml_is_no_signal(code: int) -> None:
    assert exit_status.shell_code(code) == code
    assert not exit_status.is_killed(code)
    assert "(" in exit_status.describe_exit(code), "it is described"


@given(st.integers(-64, 255))
def test_a_shell_code_stays_what_it_is(code: int) -> None:
    once = exit_status.shell_code(code)
    assert 0 <= once <= 255
    assert exit_status.shell_code(once) == once


def test_rank_sh_reads_codes_as_python_does() -> None:
    """The line of rank.sh that knows MPICH, run by bash for every exit code that there is."""
    text = (resource_folder("templates") / "common" / "rank.sh").read_text()
    (line,) = re.findall(r"^case \$code in .*esac$", text, re.MULTILINE)
    script = f'for code in {{0..255}}; do {line}\necho "$code"; done'
    found = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    assert [int(code) for code in found.split()] == [exit_status.shell_code(code) for code in range(256)]


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob("rank.sh")), ids=lambda path: path.parts[-3])
def test_the_header_of_a_job_script_lists_the_exit_codes_of_a_worker(path: Path) -> None:
    listed = {
        int(code) for code in re.findall(r"^# +(?:exit code +)?(\d+)  ", path.read_text(), re.MULTILINE)
    }
    # a worker calls no scheduler
    assert listed == {*own_codes, exit_status.NOT_FOUND} - {errors.EXIT_SCHEDULER}


@pytest.mark.parametrize(
    ("code", "reported"),
    [(2, 2), (3, 3), (5, 5), (85, 85), (1, 1), (42, 1), (-9, 3), (137, 3), (9, 3), (255, 3)],
)
def test_what_a_command_exits_with_when_its_ranks_did(code: int, reported: int) -> None:
    assert exit_status.reported_exit_code(code) == reported
