"""A campaign on a real scheduler: planned, submitted, looked at, and measured by the digest of `hpcml run`.

What the tests on real schedulers say to hpcml and to the scheduler.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import toy
import yaml

UNITS = 160
# of the clusters that tests/clusters starts
SLURM_STATE = Path(os.environ.get("SLURM_CLUSTER_STATE", "/tmp/slurm-cluster"))
CONDOR_STATE = Path(os.environ.get("CONDOR_CLUSTER_STATE", "/tmp/condor-cluster"))


@dataclass
class ClusterCampaign:
    """A campaign on a scheduler. folder: on a shared file system that DAGMan accepts (not /tmp).

    resources: over those of the toys' job file. site, options: over the site file and its `options`.
    chained: two steps of toys, or the first alone.
    planned_from: what it was planned from, a job file and its overrides.
    """

    folder: Path
    scheduler: str
    environment: dict[str, str]
    resources: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    site: dict[str, Any] = field(default_factory=dict)
    planned_from: tuple[str | Path, ...] = ()
    chained: bool = True

    @property
    def root(self) -> Path:
        return self.folder / "campaign"

    @property
    def log(self) -> Path:
        return self.folder / "toy.log"

    def plan(self, **variables: object) -> None:
        """Steps of toys; `variables` reach the ranks through the site's environment."""
        steps = [
            toy.step("first", parameters={"n": UNITS}),
            toy.step("second", "Behind", inputs={"samples": "first"}),
        ]
        job = toy.write_job(
            self.folder,
            *steps[: 1 + self.chained],
            resources={"ranks": 2, "shards": 4, "walltime": "5m", "memory": "150MB", **self.resources},
        )
        self.plan_job(job, **variables)

    def plan_job(self, job: Path, *overrides: str, **variables: object) -> None:
        """Any job file, here and in the reference with `--set` of each override."""
        site = {
            "scheduler": self.scheduler,
            "environment": {
                "TOY_LOG": str(self.log),
                **{key: str(value) for key, value in variables.items()},
            },
            "options": {"signal_margin": "20s", **self.options},
            **self.site,
        }
        sites = self.folder / "config" / "hpcml" / "sites"
        sites.mkdir(parents=True, exist_ok=True)
        (sites / "field.yaml").write_text(yaml.safe_dump(site))
        self.planned_from = (job, *(word for one in overrides for word in ("--set", one)))
        self.ok("plan", *self.planned_from, "--site", "field", "--dir", self.root)

    def hpcml(self, *words: str | Path) -> toy.Ended:
        return toy.hpcml(*words, **self.environment, XDG_CONFIG_HOME=self.folder / "config")

    def ok(self, *words: str | Path) -> str:
        ended = self.hpcml(*words)
        assert ended.code == 0, ended.stderr
        return ended.stdout

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ok("status", self.root, "--json"))
        return found

    def truthful(self, *, lost: int = 0) -> dict[str, Any]:
        """The status now, against the toy's own log of the first step: done is at least what had ended
        a second before, less the last unit of each of so many ranks that were killed (`lost`), and at most
        what has ended a moment later."""
        before = self._ended()
        time.sleep(1)
        found = self.status()
        step = found["steps"][0]
        assert before - lost <= step["done"] <= self._ended(), found
        assert step["done"] + step["missing"] == step["units"] == UNITS, found
        return found

    def _ended(self) -> int:
        """Units of the first step that the toy says have ended; those behind it are called of-KEY."""
        return len({line.key for line in toy.said(self.log, "end") if not line.key.startswith("of-")})

    def state_of(self, job: str) -> str:
        """What status says of the shard of the first step whose newest job is ID.INDEX; '' without one."""
        return next((one["state"] for one in self.status()["steps"][0]["shards"] if one["job"] == job), "")

    def shards(self, step: int = 0) -> list[str]:
        return [shard["state"] for shard in self.status()["steps"][step]["shards"]]

    def running(self) -> bool:
        return "running" in self.shards() and self.status()["steps"][0]["done"] > 0

    def attempts(self) -> list[str]:
        return sorted(path.name for path in (self.root / "submit").glob("attempt-*"))

    def merges_said(self) -> str:
        """What all merge jobs printed."""
        logs = sorted(self.root.glob("submit/attempt-*/*/logs/merge-*.log"))
        return "".join(path.read_text() for path in logs)

    def quiet(self) -> bool:
        return not self.status()["jobs"]

    def complete(self) -> bool:
        found = self.status()
        return all(step["merged"] and step["units"] > 0 and not step["missing"] for step in found["steps"])

    def digests(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.ok("verify", self.root, "--json"))["digests"]
        return found

    def reference(self) -> dict[str, str]:
        """What `hpcml run` gives on this machine."""
        other = self.folder / "reference"
        ended = toy.hpcml("run", *self.planned_from, "--dir", other, "--ranks", "1", "--shards", "1")
        assert ended.code == 0, ended.stderr
        found: dict[str, str] = json.loads(toy.hpcml("verify", other, "--json").stdout)["digests"]
        return found

    def computed_twice(self) -> int:
        """Units that ended more than once, as the toy itself counts."""
        times = Counter(line.key for line in toy.said(self.log, "end"))
        return sum(count - 1 for count in times.values())

    def running_jobs(self) -> list[str]:
        """ID.INDEX of shards of the first step that run now."""
        shards = self.status()["steps"][0]["shards"]
        return [str(shard["job"]) for shard in shards if shard["state"] == "running"]

    def ranks(self, step: str) -> list[int]:
        """Process ids of all ranks that are at a step now, and not of what launched them."""
        words = ["-m", "hpcml", "work", str(self.root), "--step", step]
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                if (entry / "cmdline").read_text().split("\0")[1:7] == words:
                    found.append(int(entry.name))
        return found

    def call(self, *words: str) -> str:
        """A command of the scheduler."""
        environment = {**os.environ, **self.environment}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout
