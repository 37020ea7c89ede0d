"""The interface of a scheduler, and the nouns between rendering, submitting and asking.

JobRef, JobRecord, Reply, AttemptSpec, StepSpec, File, Submission, Scheduler. A scheduler is pure: text to
text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Literal

from hpcml.campaign import Campaign, StepPlan
from hpcml.errors import SchedulerError, UsageError, nearest
from hpcml.states import JobState

SUBMIT_PLAN = "submit.json"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command said. code: its exit status."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True, order=True)
class JobRef:
    """One job as its scheduler numbers it: SLURM array id and index, HTCondor cluster and proc.

    index is -1 for a job that is not one of many.
    """

    job: str
    index: int = -1


@dataclass(frozen=True, slots=True)
class JobRecord:
    """What is known about one job. reason and hold_code in the scheduler's own words.

    exit_code: of the script, None when unknown or when a signal ended it. signal: that one, 0 without.
    node: last one. memory_peak, memory_given: bytes, 0 when not told. name: of its Submission, where the
    scheduler knows it (a node of a DAG).
    """

    state: JobState
    reason: str = ""
    name: str = ""
    exit_code: int | None = None
    signal: int = 0
    hold_code: int | None = None
    node: str = ""
    restarts: int = 0
    memory_peak: int = 0
    memory_given: int = 0


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step to render. shards: those to run, possibly none (then only the merge is wanted)."""

    plan: StepPlan
    shards: tuple[int, ...]
    folder: Path
    last: bool

    @property
    def logs(self) -> Path:
        return self.folder / "logs"


@dataclass(frozen=True, slots=True)
class AttemptSpec:
    """Everything that one attempt submits. out: its folder; exclude: nodes to keep away from."""

    campaign: Campaign
    root: Path
    attempt: int
    out: Path
    steps: tuple[StepSpec, ...]
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """One file to write: a template and its values, relative to the attempt's folder."""

    path: str
    template: str
    values: Mapping[str, Any]
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Submission:
    """One thing to submit, in the order of the calls. `submit.json` of an attempt lists them.

    name: unique in the attempt. file: relative to the attempt's folder. after: names of submissions
    whose end this one waits for. within: name of the DAG that submits it; then nobody else may.
    shards, offset: see Scheduler.shard_of. events: its event log, relative ('' where there is none).
    """

    name: str
    kind: Literal["array", "merge", "dag", "run"]
    step: str
    file: str
    after: tuple[str, ...] = ()
    within: str = ""
    shards: tuple[int, ...] = ()
    offset: int = 0
    events: str = ""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Submission:
        return cls(**{**raw, "after": tuple(raw["after"]), "shards": tuple(raw["shards"])})


class Scheduler(ABC):
    """Who gives machines. Every method is a pure function of its arguments."""

    name: ClassVar[str]
    options: ClassVar[Mapping[str, Any]]

    @abstractmethod
    def files(self, spec: AttemptSpec) -> list[File]:
        """Every file of an attempt, with the values of its template."""

    @abstractmethod
    def submissions(self, spec: AttemptSpec) -> tuple[Submission, ...]:
        """The submit calls of an attempt, each after those it waits for."""

    @abstractmethod
    def submit_command(self, path: Path, *, after: Sequence[str] = ()) -> list[str]:
        """The call that submits `path`; after: job ids whose end it waits for, good or bad."""

    def test_command(self, path: Path) -> list[str]:
        """A call that checks a rendered file and submits nothing; [] where there is none."""
        return []

    @abstractmethod
    def parse_submit(self, reply: Reply) -> str:
        """The job id of an accepted submission; SchedulerError with its own words otherwise."""

    @abstractmethod
    def query_command(self, jobs: Sequence[str]) -> list[str]:
        """One call that tells the state of all tasks of all `jobs`."""

    @abstractmethod
    def parse_query(self, reply: Reply) -> dict[JobRef, JobRecord]:
        """What that call said; jobs that it does not mention are absent."""

    def history_commands(self, jobs: Sequence[str], *, since: float) -> list[list[str]]:
        """Calls for jobs that the query no longer knows, best first; since: unix time."""
        return []

    def parse_history(self, reply: Reply) -> dict[JobRef, JobRecord] | None:
        """What such a call said; None when this cluster keeps no such record."""
        return None

    @abstractmethod
    def cancel_command(self, refs: Sequence[JobRef]) -> list[str]:
        """The call that cancels them; an index of -1 means the whole job."""

    def find_command(self, tag: str) -> list[str]:
        """A call that lists jobs with their tags, for a submission whose reply was lost; [] if none."""
        return []

    def parse_find(self, reply: Reply, tag: str) -> list[str]:
        """Ids of the jobs that carry `tag` (see job_tag)."""
        return []

    @abstractmethod
    def log_name(self, ref: JobRef, *, merge: bool = False) -> str:
        """Name of the file, in a step's logs folder, that holds what the job prints."""

    @abstractmethod
    def index_of(self, shard: int, submission: Submission) -> int:
        """The index, in the array or cluster of `submission`, of the job that computes `shard`."""

    def by_shard(
        self, submission: Submission, records: Mapping[JobRef, JobRecord]
    ) -> dict[int, tuple[JobRef, JobRecord]]:
        """The newest record of each shard of an array submission, whose jobs `records` holds.

        An HTCondor cluster that makes its jobs late is known as a whole before they are.
        """
        newest = sorted({ref.job for ref in records}, key=lambda job: (len(job), job), reverse=True)
        found = {}
        for shard in submission.shards:
            index = self.index_of(shard, submission)
            wanted = (JobRef(job, at) for job in newest for at in (index, -1))
            ref = next((ref for ref in wanted if ref in records), None)
            if ref is not None:
                found[shard] = (ref, records[ref])
        return found

    def check_options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """`given` over this scheduler's defaults; UsageError for a name it does not know."""
        for name in given:
            if name not in self.options:
                hint = nearest(name, [*self.options]) or f"known: {', '.join(sorted(self.options))}"
                raise UsageError(f"site option {name!r} means nothing to {self.name}", hint)
        return {**self.options, **given}


_MODULES = {
    "local": ("hpcml.schedulers.local", "Local"),
    "slurm": ("hpcml.schedulers.slurm.scheduler", "Slurm"),
    "htcondor": ("hpcml.schedulers.htcondor.scheduler", "HTCondor"),
}


def scheduler(name: str) -> Scheduler:
    """The scheduler called `name`; its module is imported only now."""
    if name not in _MODULES:
        raise UsageError(f"unknown scheduler {name!r}", nearest(name, [*_MODULES]))
    module, attribute = _MODULES[name]
    found: Scheduler = getattr(import_module(module), attribute)()
    return found


def job_tag(spec: AttemptSpec, name: str) -> str:
    """What a job carries so that it can be found by it: campaign, attempt and name of the submission."""
    return f"hpcml:{spec.campaign.identity or spec.campaign.name}:{spec.attempt}:{name}"


def refused(what: str, reply: Reply) -> SchedulerError:
    """The error for a call that was refused, in the scheduler's own words."""
    return SchedulerError(f"{what}: {complaint(reply)}")


def complaint(reply: Reply) -> str:
    """The line that says what is wrong: advice and the names of log files may come after it."""
    words = [line.strip() for line in (reply.stderr + "\n" + reply.stdout).splitlines() if line.strip()]
    telling = [line for line in words if "error" in line.lower()] or words[-1:]
    return telling[0] if telling else f"exit status {reply.code}, no message"


def ranges(numbers: Iterable[int]) -> str:
    """'3,7-9' for [3, 7, 8, 9]."""
    spans: list[list[int]] = []
    for number in sorted(set(numbers)):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
