"""A terminal in which tests type commands and read what a person sees."""

from __future__ import annotations

import re
import shlex
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import toy
import yaml
from schedulers.conftest import Fakes
from schedulers.conftest import fakes as fakes  # a fixture

# what differs from machine to machine and from day to day
CHANGING = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", "TIME"),
    (r"\b[0-9a-f]{32}\b", "DIGEST"),
    (r"\d+ bytes read", "N bytes read"),
    (r"[\d.e+]+ units/s, \S+ left", "RATE units/s, DURATION left"),
    (r"[\d.e+]+ units/s", "RATE units/s"),
    (r"\d+ % of [\d.]+ core hours", "N % of N core hours"),
    (r"up to [\d.]+ rank hours", "up to N rank hours"),
    (r"peak memory [\d.]+ GB", "peak memory N GB"),
    (r"longest shard \S+", "longest shard DURATION"),
    (r"memory: \d+MB, walltime: \d+s", "memory: N, walltime: N"),
    (rf" on {re.escape(socket.gethostname())}\b", " on HOST"),
    (r"version \d+\.\d+\S*", "version VERSION"),
)


@dataclass
class Terminal:
    """The command line in a folder of its own. CAMPAIGN, FOLDER and PROJECT stand for paths, both in what is
    typed and in what is shown."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    places: dict[str, Path] = field(init=False)

    def __post_init__(self) -> None:
        self.places = {"CAMPAIGN": self.root, "FOLDER": self.folder, "PROJECT": toy.ROOT}

    @property
    def root(self) -> Path:
        return self.folder / "campaign"

    def __call__(self, typed: str) -> list[str]:
        """Lines of stdout, then of stderr, then the exit code if it is not 0."""
        for name, path in self.places.items():
            typed = typed.replace(name, shlex.quote(str(path)))
        ended = toy.hpcml_here(self.capsys, *shlex.split(typed))
        lines = [self.normal(line) for line in (ended.stdout + ended.stderr).splitlines()]
        return [*lines, f"exit code {ended.code}"] if ended.code else lines

    def normal(self, line: str) -> str:
        """The line with placeholders for paths, times, rates, hosts, digests."""
        for name, path in self.places.items():
            line = line.replace(str(path), name)
        for pattern, placeholder in CHANGING:
            line = re.sub(pattern, placeholder, line)
        return line

    def job(self, *steps: dict[str, Any], **words: Any) -> None:
        """Write FOLDER/job.yaml."""
        toy.write_job(self.folder, *steps, **words)


@pytest.fixture
def terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal(tmp_path, capsys)


@dataclass
class Slurm:
    """A campaign of four shards on a SLURM that answers what a test tells it."""

    terminal: Terminal
    fakes: Fakes

    def submit(self) -> list[str]:
        """Array 41 and its merge 42."""
        self.fakes.answer("sbatch", out="41\n")
        self.fakes.answer("sbatch", out="42\n")
        return self.terminal("submit CAMPAIGN")

    def queue(self, *tasks: str, merge: str = "PENDING|0||Dependency", printed: str = "") -> None:
        """What squeue answers from now on, STATE|WAIT STATUS|NODE|REASON of each array task and the merge."""
        rows = [*((f"41|{index}", task) for index, task in enumerate(tasks)), ("42|N/A", merge)]
        text = ""
        for job, row in rows:
            state, status, node, reason = row.split("|")
            text += f"{job}|{state}|{status}|0|{node}|{reason}\n"
        number = len(self.fakes.calls("squeue")) + 1
        for suffix, content in (("out", text), ("err", ""), ("sleep", "0"), ("code", "0")):
            (self.fakes.folder / f"squeue.{number}.{suffix}").write_text(content)
        logs = self.terminal.root / "submit" / "attempt-0001" / "toy" / "logs"
        for index in range(len(tasks) if printed else 0):
            (logs / f"41_{index}.log").write_text(printed)


@pytest.fixture
def slurm(terminal: Terminal, fakes: Fakes) -> Slurm:
    sites = terminal.folder / "config" / "hpcml" / "sites"
    sites.mkdir(parents=True)
    site = {"scheduler": "slurm", "options": {"memory_ceiling": "1GB"}}
    (sites / "made-up.yaml").write_text(yaml.safe_dump(site))
    terminal.job(resources={"shards": 4, "memory": "500MB", "ranks": 1})
    terminal("plan FOLDER/job.yaml --site made-up --dir CAMPAIGN")
    return Slurm(terminal, fakes)
