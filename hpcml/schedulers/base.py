"""The interface of a scheduler, and the nouns between submitting and asking: jobs, records, replies.

A scheduler is text to text: it makes commands and reads replies. shell.py runs them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from hpcml.campaign import SchedulerName, Site
from hpcml.errors import SchedulerError, UsageError, nearest
from hpcml.states import JobState

if TYPE_CHECKING:
    from hpcml.schedulers.attempt_spec import AttemptSpec, File
    from hpcml.schedulers.checks import Check
    from hpcml.schedulers.failures import Explanation

SUBMIT_PLAN = "submit.json"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command printed. code: its exit status."""

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
    node: last one. memory_peak, memory_given: bytes, 0 when unknown. name: of its Submission, where the
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

    @property
    def owns_all(self) -> bool:
        """Does its job submit, watch, retry and remove all other jobs of the attempt?"""
        return self.kind == "dag"

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Submission:
        return cls(**{**raw, "after": tuple(raw["after"]), "shards": tuple(raw["shards"])})


class Scheduler(ABC):
    """One batch system. Methods are pure, but for `read_events` and `owner_failures`, which read logs."""

    name: ClassVar[SchedulerName]
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

    @abstractmethod
    def parse_submit(self, reply: Reply) -> str:
        """The job id of an accepted submission; SchedulerError with its own words otherwise."""

    @abstractmethod
    def query_command(self, jobs: Sequence[str]) -> list[str]:
        """One call that reports the state of all tasks of all `jobs`."""

    @abstractmethod
    def parse_query(self, reply: Reply) -> dict[JobRef, JobRecord]:
        """What that call reported; jobs that it does not mention are absent."""

    def history_commands(self, jobs: Sequence[str], *, since: float) -> list[list[str]]:
        """Calls for jobs that the query no longer knows, best first; since: unix time."""
        return []

    def parse_history(self, reply: Reply) -> dict[JobRef, JobRecord] | None:
        """What such a call reported; None when this cluster keeps no such record."""
        return None

    @abstractmethod
    def cancel_command(self, refs: Sequence[JobRef]) -> list[str]:
        """The call that cancels them; an index of -1 means all tasks of the job."""

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

        Jobs that are made late are known by their cluster alone (index -1) before they exist.
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

    def read_events(self, path: Path) -> dict[JobRef, JobRecord]:
        """The newest record of every job in an event log (Submission.events); {} where there is none."""
        return {}

    @abstractmethod
    def diagnose(self, record: JobRecord, error: str = "") -> Explanation:
        """Why a job waits, is held or ended as it did. error: the last one that it printed, '' without.

        `{root}` in the remedy stands for the campaign directory (failures.with_root).
        """

    def own_words(self, record: JobRecord) -> str:
        """The scheduler's own reason, as a sentence, where it adds something to the diagnosis; else ''."""
        return ""

    def owner_failures(self, folder: Path, submission: Submission) -> list[tuple[str, str]]:
        """(who, sentence): why a submission that owns all others failed, from its logs in `folder`, that of
        the attempt. [] when its jobs explain it."""
        return []

    def busy_advice(self, job: str, held: int, root: Path) -> str:
        """Why nothing is resumed while `job`, which owns all others, is live; held: how many of them are."""
        return f"job {job} is still queued or running: `hpcml status {root}`"

    def checks(self, site: Site) -> list[Check]:
        """What `hpcml site check` asks on this machine, without a job."""
        return []

    def check_options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """`given` over this scheduler's defaults; UsageError for a name it does not know."""
        for name in given:
            if name not in self.options:
                hint = nearest(name, [*self.options]) or f"known: {', '.join(sorted(self.options))}"
                raise UsageError(f"site option {name!r} means nothing to {self.name}", hint)
        return {**self.options, **given}


_MODULES: Mapping[SchedulerName, tuple[str, str]] = {
    SchedulerName.LOCAL: ("hpcml.schedulers.local", "Local"),
    SchedulerName.SLURM: ("hpcml.schedulers.slurm.scheduler", "Slurm"),
    SchedulerName.HTCONDOR: ("hpcml.schedulers.htcondor.scheduler", "HTCondor"),
}


def scheduler(name: str) -> Scheduler:
    """The scheduler called `name`; its module is imported only now."""
    try:
        known = SchedulerName(name)
    except ValueError:
        raise UsageError(f"unknown scheduler {name!r}", nearest(name, [*SchedulerName])) from None
    module, attribute = _MODULES[known]
    found: Scheduler = getattr(import_module(module), attribute)()
    return found


def refused(what: str, reply: Reply) -> SchedulerError:
    """The error for a call that was refused, in the scheduler's own words."""
    return SchedulerError(f"{what}: {complaint(reply)}")


def complaint(reply: Reply) -> str:
    """The line that says what is wrong: advice and the names of log files may come after it."""
    words = [line.strip() for line in (reply.stderr + "\n" + reply.stdout).splitlines() if line.strip()]
    errors = [line for line in words if "error" in line.lower()] or words[-1:]
    return errors[0] if errors else f"exit status {reply.code}, no message"


def ranges(numbers: Iterable[int]) -> str:
    """'3,7-9' for [3, 7, 8, 9]."""
    spans: list[list[int]] = []
    for number in sorted(set(numbers)):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
