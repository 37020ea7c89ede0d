"""Campaigns to render, fake schedulers on PATH, and the real ones where they run."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .cluster_campaign import CONDOR_STATE, SLURM_STATE, ClusterCampaign

FAKES = Path(__file__).resolve().parent.parent / "fakes"


@dataclass(frozen=True)
class Fakes:
    """Commands of schedulers that answer what a test tells them. folder: replies and calls."""

    folder: Path

    def answer(self, command: str, out: str = "", *, err: str = "", code: int = 0, sleep: float = 0) -> None:
        """What the next unanswered call of `command` gets; the last answer is given for ever."""
        number = len(list(self.folder.glob(f"{command}.*.code"))) + 1
        for suffix, text in (("out", out), ("err", err), ("sleep", str(sleep)), ("code", str(code))):
            (self.folder / f"{command}.{number}.{suffix}").write_text(text)

    def calls(self, command: str) -> list[str]:
        path = self.folder / f"{command}.calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    folder = tmp_path / "fake-replies"
    folder.mkdir()
    monkeypatch.setenv("FAKE_REPLIES", str(folder))
    monkeypatch.setenv("PATH", f"{FAKES}:{os.environ['PATH']}")
    return Fakes(folder)


def _environment_of(state: Path) -> dict[str, str]:
    """The variables that `env.sh` of a cluster of tests/clusters sets."""
    script = f". {state}/env.sh && env -0"
    text = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    return dict(item.split("=", 1) for item in text.split("\0") if "=" in item)


def _use(
    monkeypatch: pytest.MonkeyPatch, state: Path, names: tuple[str, ...], probe: list[str], up: str
) -> None:
    if (state / "env.sh").exists():
        found = _environment_of(state)
        for name in names:
            if name in found:
                monkeypatch.setenv(name, found[name])
    try:
        alive = subprocess.run(probe, capture_output=True, timeout=20).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        alive = False
    if not alive:
        if os.environ.get("HPCML_REQUIRE_CLUSTERS"):  # .ci/run has started it: a skip would hide that it died
            pytest.fail(f"the real scheduler does not answer: tests/clusters/{up} has started it")
        pytest.skip(f"NOT TESTED against the real scheduler: start it with tests/clusters/{up}")


@pytest.fixture
def real_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, SLURM_STATE, ("SLURM_CONF",), ["sinfo", "-h"], "slurm-up")


@pytest.fixture
def real_htcondor(monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, CONDOR_STATE, ("CONDOR_CONFIG", "PATH"), ["condor_q", "-totals"], "condor-up")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Beside pytest's own: DAGMan refuses to keep its logs in /tmp."""
    path = Path(tempfile.mkdtemp(prefix="hpcml-field-", dir="/var/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def slurm(real_slurm: None, folder: Path) -> Iterator[ClusterCampaign]:
    found = ClusterCampaign(
        folder, "slurm", {name: os.environ[name] for name in ("SLURM_CONF",) if name in os.environ}
    )
    yield found
    if found.root.is_dir():
        found.hpcml("cancel", found.root)


@pytest.fixture
def htcondor(real_htcondor: None, folder: Path) -> Iterator[ClusterCampaign]:
    names = ("CONDOR_CONFIG", "PATH")
    found = ClusterCampaign(
        folder, "htcondor", {name: os.environ[name] for name in names if name in os.environ}
    )
    yield found
    if found.root.is_dir():
        found.hpcml("cancel", found.root)


@pytest.fixture(params=["slurm", "htcondor"])
def either(request: pytest.FixtureRequest) -> ClusterCampaign:
    found: ClusterCampaign = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def wait_until() -> Iterator[Callable[..., None]]:
    import time

    def wait(condition: Callable[[], bool], seconds: float, every: float = 0.25) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not so after {seconds} s"
            time.sleep(every)

    yield wait
