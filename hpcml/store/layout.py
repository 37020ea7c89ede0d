"""Every file name of a campaign directory, and nothing else.

DIR/
  campaign.json                 the plan in force
  plans/campaign-0001.json      every plan as it was made (exclusive: two plans at once, one wins)
  journal/<writer>.jsonl        what was tried
  output/<step>.s<shard>.a<attempt>.log   what ranks print, when `run` or `resume` starts them
  lock                          held by the `run` or `resume` that is at work here
  submit/attempt-0001/          rendered scheduler files, and what jobs print (<step>/logs)
  report/                       plots for people
  sandboxes/attempt-0001/<step>/sandbox   what its shards take with them, without a shared file system
  incoming/<step>.s<shard>.a<attempt>.<token>.tar   what such a shard sent back, until it is ingested
  incoming/set-aside/           archives that could not be ingested
  steps/<step>/
    units.h5                    unit list, written by plan or by the merge that completes the inputs
    units.copy.h5               the same again: without it the numbers in parts mean nothing
    parts/<first>-<last>-<n>.s<shard>.r<rank>.<token>.h5    immutable results
    logs/s<shard>.r<rank>.<token>.wal                       results since the last part
    artifacts/<2 hex>/<digest>  files kept beside the rows
    workspaces/<key hash>/      scratch of running units
    attempts/attempt-0002.json  what a resume set out to do: units and shards
    set-aside/                  damaged files, moved out of the way by `hpcml verify --set-aside`
    table.h5                    the merged result
    summary.h5                  small results of the workload, from the merged table
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StepLayout:
    root: Path

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def units(self) -> Path:
        return self.root / "units.h5"

    @property
    def units_copy(self) -> Path:
        return self.root / "units.copy.h5"

    @property
    def parts(self) -> Path:
        return self.root / "parts"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def set_aside(self) -> Path:
        return self.root / "set-aside"

    def attempt(self, number: int) -> Path:
        return self.root / "attempts" / f"attempt-{number:04d}.json"

    @property
    def table(self) -> Path:
        return self.root / "table.h5"

    @property
    def summary(self) -> Path:
        return self.root / "summary.h5"

    def log(self, shard: int, rank: int, token: str) -> Path:
        return self.logs / f"s{shard:04d}.r{rank:04d}.{token}.wal"

    def part(self, first: int, last: int, count: int, *, shard: int, rank: int, token: str) -> Path:
        return self.parts / f"{first:08d}-{last:08d}-{count}.s{shard:04d}.r{rank:04d}.{token}.h5"

    def artifact(self, digest: str) -> Path:
        return self.artifacts / digest[:2] / digest

    @property
    def workspaces(self) -> Path:
        return self.root / "workspaces"

    def workspace(self, key: str) -> Path:
        return self.workspaces / hashlib.blake2b(key.encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Layout:
    root: Path

    @property
    def campaign(self) -> Path:
        return self.root / "campaign.json"

    def plan(self, revision: int) -> Path:
        return self.root / "plans" / f"campaign-{revision:04d}.json"

    @property
    def journal(self) -> Path:
        return self.root / "journal"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    def output(self, step: str, shard: int, attempt: int) -> Path:
        return self.root / "output" / f"{step}.s{shard:04d}.a{attempt:02d}.log"

    @property
    def submit(self) -> Path:
        return self.root / "submit"

    def attempt_folder(self, attempt: int) -> Path:
        return self.submit / f"attempt-{attempt:04d}"

    def sandbox(self, attempt: int, step: str) -> Path:
        return self.root / "sandboxes" / f"attempt-{attempt:04d}" / step / "sandbox"

    @property
    def sandbox_note(self) -> Path:
        """In a sandbox only: what it is, and where it keeps the files of the plan."""
        return self.root / "sandbox.json"

    @property
    def incoming(self) -> Path:
        return self.root / "incoming"

    def archive(self, step: str, shard: int, attempt: int, token: str) -> Path:
        return self.incoming / f"{step}.s{shard:04d}.a{attempt:04d}.{token}.tar"

    @property
    def archives_set_aside(self) -> Path:
        return self.incoming / "set-aside"

    @property
    def report(self) -> Path:
        return self.root / "report"

    def step(self, name: str) -> StepLayout:
        return StepLayout(self.root / "steps" / name)
