"""How the last jobs of a step ended: what the scheduler reports, what they printed, and the node to blame.

A shard whose units are all there has no outcome, however its job ended.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from hpcml.attempts.jobs import Jobs, ShardJob
from hpcml.attempts.output import LogFile
from hpcml.directory.attempts import attempt_numbers
from hpcml.directory.opened import OpenStep
from hpcml.errors import EXIT_INCOMPLETE
from hpcml.schedulers.base import JobRecord, scheduler
from hpcml.schedulers.diagnosis import RESUME_ELSEWHERE
from hpcml.schedulers.failures import Explanation, Failure
from hpcml.schedulers.job_output import JobOutput, read_job_output, refine_record
from hpcml.states import JobState
from hpcml.store.ledger import Ledger
from hpcml.store.units import shard_bounds

TAIL = 60
# what one bad machine can be the cause of, when others do well
_MAY_BE_THE_NODE = (Failure.NODE, Failure.CODE, Failure.STORAGE, Failure.UNKNOWN)


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """record: the scheduler's, refined by what the job printed. words: its own, or the scheduler's."""

    job: ShardJob
    record: JobRecord
    diagnosis: Explanation
    words: str = ""


@dataclass(frozen=True, slots=True)
class StepOutcomes:
    """found: of the shards with missing units. bad: nodes that fail what others do well."""

    found: list[JobOutcome] = field(default_factory=list)
    bad: tuple[str, ...] = ()


def step_outcomes(step: OpenStep, jobs: Jobs, ledger: Ledger) -> StepOutcomes:
    """How the newest job of every shard ended, with the class of its failure."""
    newest = jobs.newest(step.name)
    if not newest:
        return StepOutcomes()
    numbers, shards = attempt_numbers(step, next(iter(newest.values())).attempt)
    bounds = shard_bounds(step.units().cost[numbers], shards)
    found, complete = [], []
    for shard, job in newest.items():
        if ledger.done[numbers[bounds[shard] : bounds[shard + 1]]].all():
            complete.append(job)
        else:
            found.append(_outcome(step, job))
    failed_at = Counter(
        outcome.record.node for outcome in found if outcome.record.node and _may_be_the_node(outcome)
    )
    if not failed_at:
        return StepOutcomes(found)
    well_at = Counter(job.record.node for job in complete if _went_well(step, job))
    return blame_nodes(found, failed_at, well_at)


def _outcome(step: OpenStep, job: ShardJob) -> JobOutcome:
    asked, record, printed = scheduler(step.opened.campaign.site.scheduler), job.record, JobOutput()
    if not record.state.is_live:
        printed = _printed(step, job)
        record = refine_record(record, printed)
    error = printed.error if printed.code else ""
    diagnosis = asked.diagnose(record, error)
    own_words = asked.own_words(record)
    if error:
        words = f"It printed: {error}"
    elif own_words:
        words = own_words
    elif diagnosis.failure is Failure.STORAGE:
        words = f"Its output goes to {_output(step, job).parent}."
    else:
        words = ""
    return JobOutcome(job, record, diagnosis, words)


def _output(step: OpenStep, job: ShardJob) -> Path:
    folder = step.opened.layout.attempt_folder(job.attempt) / step.name / "logs"
    return folder / scheduler(step.opened.campaign.site.scheduler).log_name(job.ref)


def _printed(step: OpenStep, job: ShardJob) -> JobOutput:
    log = LogFile(step.name, job.shard, job.attempt, _output(step, job))
    return read_job_output(log.tail(TAIL)) if log.path.is_file() else JobOutput()


def _went_well(step: OpenStep, job: ShardJob) -> bool:
    """Did the job itself compute its shard? Another one may have, before it or after it."""
    printed = _printed(step, job)
    return job.record.state is JobState.DONE and printed.code == 0 and not printed.claimed_by_another


def blame_nodes(found: list[JobOutcome], failed_at: Counter[str], well_at: Counter[str]) -> StepOutcomes:
    """Failures that cluster on a node become the node's. failed_at, well_at: jobs by the node of their end.

    A node is bad when nothing ended well there, and jobs lacked what every node has (a Python, a launcher),
    or two of them failed in any way while other nodes did well. Where all nodes fail it is not the node.
    """
    sure = {outcome.record.node for outcome in found if outcome.diagnosis.failure is Failure.NODE}
    bad = {
        node
        for node in failed_at
        if not well_at[node] and (node in sure or (failed_at[node] > 1 and well_at))
    }
    lost = any(outcome.record.state is JobState.NODE_LOST for outcome in found)
    if len(bad) > 1 and not well_at and not lost:
        return StepOutcomes([_everywhere(outcome, sorted(bad)) for outcome in found])
    blamed = [
        _on_bad_node(outcome, failed_at, well_at) if outcome.record.node in bad else outcome
        for outcome in found
    ]
    return StepOutcomes(blamed, tuple(sorted(bad)))


def _may_be_the_node(outcome: JobOutcome) -> bool:
    # units that fail are reported one by one
    of_units = outcome.record.exit_code == EXIT_INCOMPLETE
    waits_or_runs = outcome.record.state in (JobState.PENDING, JobState.RUNNING)
    return outcome.diagnosis.failure in _MAY_BE_THE_NODE and not of_units and not waits_or_runs


def _everywhere(outcome: JobOutcome, nodes: list[str]) -> JobOutcome:
    diagnosis = outcome.diagnosis
    if diagnosis.failure is not Failure.NODE:
        return outcome
    sentence = f"{diagnosis.sentence} So it was on every node that was tried: {', '.join(nodes)}."
    return replace(outcome, diagnosis=replace(diagnosis, sentence=sentence, failure=Failure.CODE))


def _on_bad_node(outcome: JobOutcome, failed_at: Counter[str], well_at: Counter[str]) -> JobOutcome:
    if not _may_be_the_node(outcome):
        return outcome
    node = outcome.record.node
    here, failed_elsewhere = failed_at[node], failed_at.total() - failed_at[node]
    ended_elsewhere = failed_elsewhere + well_at.total()
    elsewhere = f"{failed_elsewhere} of {ended_elsewhere}" if ended_elsewhere else "none ended"
    jobs = "the only job that ended there" if here == 1 else f"all {here} jobs that ended there"
    sentence = f"{outcome.diagnosis.sentence} On node {node} {jobs} failed, {elsewhere} elsewhere."
    remedy = RESUME_ELSEWHERE
    if outcome.record.state is JobState.HELD:
        remedy = f"`hpcml cancel {{root}}`, then {remedy}"
    return replace(outcome, diagnosis=Explanation(sentence, remedy, Failure.NODE))
