"""`hpcml site list`, `show` and `check`: what they say of good sites, of bad ones, of the real schedulers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import toy
import yaml

from .conftest import Fakes

SHIPPED = ["htcondor", "local", "lxplus", "slurm", "university-example"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where probes and the user's sites are kept."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "hpcml" / "sites").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def own(here: Path, name: str, **keys: object) -> Path:
    path = here / "config" / "hpcml" / "sites" / f"{name}.yaml"
    path.write_text(yaml.safe_dump(keys))
    return path


def says(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> list[str]:
    """Lines of `hpcml site WORDS`."""
    ended = toy.hpcml_here(capsys, "site", *words)
    assert ended.code == code, ended.stdout + ended.stderr
    return ended.stdout.splitlines()


def answer(lines: list[str], question: str) -> str:
    """`MARK ANSWER` of the one line that asks this."""
    (line,) = [one for one in lines if question in one]
    return f"{line[:4].strip()} {line.partition('? ')[2]}"


def test_sites_of_the_user_come_first(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = own(here, "slurm", scheduler="slurm", options={"throttle": 7})
    own(here, "cluster", scheduler="htcondor")
    found = dict(line.split(maxsplit=1) for line in says(capsys, "list"))
    assert sorted(found) == sorted([*SHIPPED, "cluster"])
    assert found["slurm"] == str(mine)
    assert json.loads("\n".join(says(capsys, "show", "slurm")))["options"] == {"throttle": 7}


def test_show_prints_a_site_as_it_is_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = json.loads("\n".join(says(capsys, "show", "lxplus")))
    assert shown["scheduler"] == "htcondor"
    assert shown["options"]["flavours"]["espresso"] == 1200
    missing = toy.hpcml_here(capsys, "site", "show", "lxpluss")
    assert missing.code == 2 and "lxpluss" in missing.error() and "lxplus" in missing.stderr


@pytest.mark.parametrize(
    ("says_slurm", "expected"),
    [
        ("MaxArraySize            = 1001\n", "ok MaxArraySize is 1001, the site file says 1001"),
        ("MaxArraySize            = 100\n", "BAD MaxArraySize is 100: set options.max_array_size: 100"),
        ("something else\n", "note scontrol does not show MaxArraySize"),
    ],
)
def test_the_size_of_arrays(
    here: Path, capsys: pytest.CaptureFixture[str], fakes: Fakes, says_slurm: str, expected: str
) -> None:
    fakes.answer("sinfo", out="slurm 22.05.8\n")
    fakes.answer("scontrol", out=says_slurm)
    lines = says(capsys, "check", "slurm", "--no-job", code=4 if expected.startswith("BAD") else 0)
    assert answer(lines, "is SLURM here?") == "ok slurm 22.05.8"
    assert answer(lines, "how large may an array be?") == expected


def test_schedulers_that_are_not_well(
    here: Path, capsys: pytest.CaptureFixture[str], fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.answer("condor_version", out="$CondorVersion: 23.9.6 $\n")
    fakes.answer("condor_q", err="-- Failed to fetch ads from: <127.0.0.1:9618>\n", code=1)
    lines = says(capsys, "check", "htcondor", "--no-job", code=4)
    assert answer(lines, "is HTCondor here?") == "ok $CondorVersion: 23.9.6 $"
    told = answer(lines, "does the schedd answer?")
    assert told.startswith("BAD condor_q was asked 4 times") and "Failed to fetch ads" in told
    # nor is it there at all
    monkeypatch.setenv("PATH", str(here))
    lines = says(capsys, "check", "slurm", "--no-job", code=4)
    assert answer(lines, "is SLURM here?").startswith("BAD there is no command sinfo")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("printf '1\\n1\\n'", "BAD {}/mpiexec gives 1 1, not a world of 2"),
        ("echo It looks like orte_init failed >&2; exit 1",
         "BAD {}/mpiexec gives It looks like orte_init failed, not a world of 2"),
        ("printf '2\\n2\\n'", "ok {}/mpiexec: a world of 2 ranks"),
    ],
)  # fmt: skip
def test_ranks_that_do_not_meet(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    expected: str,
) -> None:
    """An mpiexec of another MPI than mpi4py's starts ranks that are alone."""
    launcher = here / "mpiexec"
    launcher.write_text(f"#!/bin/sh\n{script}\n")
    launcher.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(here / "python"))
    lines = says(capsys, "check", "local", "--no-job", code=4 if expected.startswith("BAD") else 0)
    assert answer(lines, "which MPI starts ranks here?") == expected.format(here)


def test_a_probe_that_cannot_be_submitted(
    here: Path, capsys: pytest.CaptureFixture[str], fakes: Fakes
) -> None:
    fakes.answer("sinfo", out="slurm 22.05.8\n")
    fakes.answer("scontrol", out="MaxArraySize = 1001\n")
    fakes.answer("sbatch", err="sbatch: error: invalid partition specified: nowhere\n", code=1)
    lines = says(capsys, "check", "slurm", code=4)
    told = answer(lines, "does a probe job with 2 ranks")
    assert told.startswith("BAD ") and "invalid partition specified: nowhere" in told and "(files: " in told


def whole(name: str, folder: Path, workload: str) -> list[str]:
    """`hpcml site check NAME --workload WORKLOAD`, with its probe job, from a folder that all nodes see."""
    kept = {one: os.environ[one] for one in ("PATH", "SLURM_CONF", "CONDOR_CONFIG") if one in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "hpcml", "site", "check", name, "--workload", workload, "--timeout", "120"],
        cwd=folder, env=toy.environment(**kept), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(folder.glob("hpcml-site-probe-*")), "a probe that came back leaves nothing"
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.mpi
@pytest.mark.parametrize("name", ["local", "slurm", "htcondor"])
def test_a_probe_goes_the_whole_way(request: pytest.FixtureRequest, name: str, folder: Path) -> None:
    if name != "local":
        request.getfixturevalue(f"real_{name}")
    lines = whole(name, folder, "jets.scan")
    assert answer(lines, "which MPI starts ranks here?").startswith("ok ")
    assert answer(lines, "does a probe job with 2 ranks").startswith("ok yes, on ")
    assert answer(lines, "can a worker import the workload?").startswith("ok yes: ")
