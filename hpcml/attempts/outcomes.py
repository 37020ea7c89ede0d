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
    ill = Counter(one.record.node for one in found if one.record.node and _may_be_the_node(one))
    if not ill:
        return StepOutcomes(found)
    return blamed(found, ill, Counter(job.record.node for job in complete if _went_well(step, job)))


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


def blamed(found: list[JobOutcome], ill: Counter[str], well: Counter[str]) -> StepOutcomes:
    """Failures that cluster on a node become the node's. ill, well: jobs by the node where they ended.

    A node is bad when nothing ended well there, and jobs lacked what every node has (a Python, a launcher),
    or two of them failed in any way that other nodes know to avoid. Where all nodes fail it is not the node.
    """
    sure = {one.record.node for one in found if one.diagnosis.failure is Failure.NODE}
    bad = {node for node in ill if not well[node] and (node in sure or (ill[node] > 1 and well))}
    lost = any(one.record.state is JobState.NODE_LOST for one in found)
    if len(bad) > 1 and not well and not lost:
        return StepOutcomes([_everywhere(one, sorted(bad)) for one in found])
    found = [_on_bad_node(one, ill, well) if one.record.node in bad else one for one in found]
    return StepOutcomes(found, tuple(sorted(bad)))


def _may_be_the_node(one: JobOutcome) -> bool:
    # units that fail are reported one by one
    is_code = one.diagnosis.failure in _MAY_BE_THE_NODE and one.record.exit_code != EXIT_INCOMPLETE
    return is_code and one.record.state not in (JobState.PENDING, JobState.RUNNING)


def _everywhere(one: JobOutcome, nodes: list[str]) -> JobOutcome:
    if one.diagnosis.failure is not Failure.NODE:
        return one
    sentence = f"{one.diagnosis.sentence} So it was on every node that was tried: {', '.join(nodes)}."
    return replace(one, diagnosis=replace(one.diagnosis, sentence=sentence, failure=Failure.CODE))


def _on_bad_node(one: JobOutcome, ill: Counter[str], well: Counter[str]) -> JobOutcome:
    if not _may_be_the_node(one):
        return one
    node = one.record.node
    others, ended = ill.total() - ill[node], ill.total() - ill[node] + well.total()
    elsewhere = f"{others} of {ended} elsewhere" if ended else "none ended elsewhere"
    jobs = "the only job that ended there" if ill[node] == 1 else f"all {ill[node]} jobs that ended there"
    sentence = f"{one.diagnosis.sentence} On node {node} {jobs} failed, {elsewhere}."
    remedy = RESUME_ELSEWHERE
    if one.record.state is JobState.HELD:
        remedy = f"`hpcml cancel {{root}}`, then {remedy}"
    return replace(one, diagnosis=Explanation(sentence, remedy, Failure.NODE))
