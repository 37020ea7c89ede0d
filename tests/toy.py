"""Helpers of the engine's tests: toy campaigns, `python -m hpcml` as a process with a time limit, MPIs.

What several test files need.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from hpcml.commands.merge import merge
from hpcml.commands.plan import plan
from hpcml.commands.verify import verify
from hpcml.commands.work import work
from hpcml.directory.opened import OpenCampaign, OpenStep
from hpcml.jobfile.resolve import resolve
from hpcml.worker import allocation
from hpcml.worker.assignment import ShardRequest

ROOT = Path(__file__).resolve().parent.parent
WORKLOADS = ROOT / "tests" / "toy_workloads.py"
COLUMNS = ROOT / "tests" / "toy_columns.py"
LIMIT = 180.0
# killed MPIs leave folders: here they go with the tests
SCRATCH = tempfile.TemporaryDirectory(prefix="toys-", ignore_cleanup_errors=True)


# ---------------------------------------------------------------- job files and campaigns


def step(name: str = "toy", workload: str = "Toy", file: Path = WORKLOADS, **words: Any) -> dict[str, Any]:
    return {"name": name, "workload": f"{file}:{workload}", **words}


def write_job(folder: Path, *steps: Mapping[str, Any], **words: Any) -> Path:
    """A job file in `folder`; without steps one of Toy."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "job.yaml"
    job = {"campaign": "toys", "seed": 7, **words, "steps": [dict(one) for one in steps] or [step()]}
    path.write_text(yaml.safe_dump(job, sort_keys=False))
    return path


def planned(folder: Path, *steps: Mapping[str, Any], root: Path | None = None, **words: Any) -> OpenCampaign:
    """Write the job file and plan it (again); the campaign directory is folder/campaign."""
    resolved, _ = resolve(write_job(folder, *steps, **words), check_inputs=True)
    root = root or folder / "campaign"
    plan(resolved.campaign, root)
    return OpenCampaign(root)


def work_here(opened: OpenCampaign, name: str = "toy", *, shard: int = 0, shards: int = 0) -> int:
    """One shard in this process, without MPI."""
    return work(ShardRequest(opened.root, name, shard, shards))


def merge_here(opened: OpenCampaign, name: str = "toy", **options: Any) -> dict[str, str]:
    """Merge with fresh eyes; the content digests."""
    again = OpenCampaign(opened.root)
    return merge(again, again.step(name), **options).digests


def computed(folder: Path, *steps: Mapping[str, Any], **words: Any) -> OpenCampaign:
    """PlanResult, and its first step computed in this process."""
    opened = planned(folder, *steps, **words)
    assert work_here(opened, opened.steps[0].name) == 0
    return opened


def verified(opened: OpenCampaign) -> dict[str, str]:
    """Digests of all tables, recomputed from the files; no problem may be found."""
    found = verify(OpenCampaign(opened.root))
    assert found.problems == []
    return found.digests


def done_units(opened: OpenCampaign, name: str = "toy") -> set[str]:
    """Keys that parts and logs hold now."""
    one = OpenCampaign(opened.root).step(name)
    return {one.units().key(number) for number in one.ledger().done.nonzero()[0].tolist()}


def parts(opened: OpenCampaign, name: str = "toy") -> list[Path]:
    return sorted(opened.step(name).layout.parts.glob("*.h5"))


def logs(opened: OpenCampaign, name: str = "toy") -> list[Path]:
    return sorted(opened.step(name).layout.logs.glob("*.wal"))


def reopened(one: OpenStep) -> OpenStep:
    return OpenCampaign(one.opened.root).step(one.name)


# ---------------------------------------------------------------- the toy's own log


@dataclass(frozen=True)
class Line:
    word: str
    key: str
    pid: int
    time: float
    rank: int


def said(path: Path, *words: str) -> list[Line]:
    """Lines of the toy's log, of these words only if given."""
    if not path.exists():
        return []
    rows = [line.split() for line in path.read_text().splitlines()]
    lines = [Line(word, key, int(pid), float(at), int(rank)) for word, key, pid, at, rank in rows]
    return [line for line in lines if not words or line.word in words]


# ---------------------------------------------------------------- processes


@dataclass(frozen=True)
class Launcher:
    """How ranks start in a test: a Python and, unless serial, the mpiexec beside it."""

    name: str
    python: str = sys.executable
    mpiexec: str = ""

    def words(self, ranks: int) -> list[str]:
        if not self.mpiexec:
            return [self.python, "-m", "hpcml"]
        return [self.mpiexec, "-n", str(ranks), self.python, "-m", "hpcml"]


def launcher(name: str) -> Launcher:
    """serial, openmpi or mpich; skips the test, aloud, where that MPI is not installed."""
    if name == "serial":
        return Launcher(name)
    python = sys.executable if name == "openmpi" else os.environ.get("HPCML_MPICH_PYTHON", "")
    if not python:
        pytest.skip("no MPICH environment: set HPCML_MPICH_PYTHON to its python")
    mpiexec = Path(python).parent / "mpiexec"
    if not mpiexec.is_file():
        pytest.skip(f"no {name} here: {mpiexec} is not there (pip install '{name}')")
    version = subprocess.run([mpiexec, "--version"], capture_output=True, text=True, timeout=60).stdout
    vendor = "Open MPI" if name == "openmpi" else "HYDRA"
    if vendor not in version:
        pytest.skip(f"{mpiexec} is not of {name}: {version.splitlines()[0]}")
    return Launcher(name, python, str(mpiexec))


def environment(**variables: object) -> dict[str, str]:
    """Threads pinned, hpcml importable, no MPI of the caller, and the given variables."""
    found = allocation.pinned_environment(1)
    for name in [name for name in found if name.startswith(("TOY_", "OMPI_COMM_", "PMI"))]:
        del found[name]
    found |= {"PYTHONPATH": str(ROOT), "TMPDIR": SCRATCH.name}
    found.update({name: str(value) for name, value in variables.items()})
    return found


def start(words: Sequence[str | Path], log: Path | None = None, **variables: object) -> subprocess.Popen[str]:
    """A process in a session of its own; its output goes to pipes, or to the file `log`."""
    out = log.open("a") if log else None
    try:
        return subprocess.Popen(
            [str(word) for word in words],
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=out or subprocess.PIPE,
            stderr=out or subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        if out:
            out.close()


@dataclass
class Ended:
    """What a process left behind."""

    code: int
    stdout: str
    stderr: str

    def error(self) -> str:
        """The one `hpcml: error:` line."""
        lines = [line for line in self.stderr.splitlines() if line.startswith("hpcml: error: ")]
        assert len(set(lines)) == 1, f"not one error line in: {self.stderr}"
        return lines[0].removeprefix("hpcml: error: ")


def finish(process: subprocess.Popen[str], limit: float = LIMIT) -> Ended:
    """Wait for the end; past the limit all its children are killed and the test fails."""
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        kill_tree(process.pid)
        out, err = process.communicate(timeout=30)
        pytest.fail(f"{process.args} did not end within {limit:g} s:\n{out}\n{err}")
    return Ended(process.returncode, out or "", err or "")


def hpcml(
    *words: str | Path, by: Launcher | None = None, ranks: int = 1, limit: float = LIMIT, **variables: object
) -> Ended:
    """Run `python -m hpcml WORDS`, under mpiexec when `by` is an MPI."""
    command = (by or Launcher("serial")).words(ranks)
    return finish(start([*command, *words], **variables), limit)


def hpcml_here(capsys: pytest.CaptureFixture[str], *words: str | Path) -> Ended:
    """The command line in this process: fast. `work` is a rank, and gets a process of its own."""
    if words[0] == "work":
        return hpcml(*words, **{name: os.environ[name] for name in os.environ if name.startswith("TOY_")})
    from hpcml.cli import main as cli

    capsys.readouterr()
    code = cli._run([str(word) for word in words])
    captured = capsys.readouterr()
    return Ended(code, captured.out, captured.err)


def descendants(pid: int) -> list[int]:
    """A process and all below it, also those in sessions of their own, ancestors first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for one in found:
        found.extend(children.get(one, []))
    return found


def kill_tree(pid: int) -> None:
    """SIGKILL to a process and all it started: stopped first, so that none gets away in between."""
    killed: set[int] = set()
    while fresh := [one for one in descendants(pid) if one not in killed]:
        for one in fresh:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGSTOP)
        killed.update(fresh)
    for one in killed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(true: Any, limit: float = 60.0, what: str = "") -> None:
    end = time.monotonic() + limit
    while not true():
        assert time.monotonic() < end, f"not within {limit:g} s: {what}"
        time.sleep(0.01)


@dataclass
class Disk:
    """A small file system of its own."""

    path: Path
    options: list[str] = field(default_factory=list)

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", self.path], check=True, timeout=30)


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[Disk]:
    """A tmpfs of `size` at `path`; skips aloud where mounting is not allowed."""
    path.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "toys", path]
    if os.getuid() != 0 or subprocess.run(command, capture_output=True, timeout=30).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root with CAP_SYS_ADMIN")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "-l", path], check=True, timeout=30)
