"""Why a campaign is not done: per step, one plain sentence for shards that share a reason, and the cure.

What lives here: gathering and grouping. What does not: the sentences (schedulers/explain.py).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from hpcml.commands.agenda import attempt_numbers
from hpcml.commands.jobs import Jobs, ShardJob, jobs_of
from hpcml.commands.logs import LogFile
from hpcml.errors import EXIT_INCOMPLETE
from hpcml.opening import OpenCampaign, OpenStep
from hpcml.schedulers.base import ranges, scheduler
from hpcml.schedulers.explain import explain as explain_record
from hpcml.states import JobState
from hpcml.store.ledger import Ledger, failed_attempts
from hpcml.store.units import shard_bounds


@dataclass(frozen=True, slots=True)
class Reason:
    """who: 'scan shards 3,7-9' and the like."""

    who: str
    sentence: str
    remedy: str


def explain(opened: OpenCampaign) -> list[Reason]:
    """Reasons in the order of the steps; empty when everything is merged."""
    jobs = jobs_of(opened) if opened.campaign.site.scheduler != "local" else Jobs()
    reasons: list[Reason] = []
    if jobs.silent:
        reasons.append(
            Reason("the scheduler", f"It does not answer: {jobs.silent}.", "ask again later; nothing is lost")
        )
    if not all(step.finished() for step in opened.steps):
        reasons += _dag_failure(opened, jobs)
    for step in opened.steps:
        reasons += _step(step, jobs)
    return reasons


_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ ")
_RESUME = "mend it, then `hpcml resume DIR`"
_ENDED = (JobState.DONE, JobState.FAILED, JobState.GONE)


@dataclass(frozen=True, slots=True)
class _Printed:
    """The exit code that rank.sh announced last, and the last line before it that says something."""

    code: int | None
    last: str


def _printed(step: OpenStep, job: ShardJob) -> _Printed | None:
    folder = step.opened.layout.attempt_folder(job.attempt) / step.name / "logs"
    path = folder / scheduler(step.opened.campaign.site.scheduler).log_name(job.ref)
    if not path.is_file():
        return None
    code, last = None, ""
    for line in LogFile(step.name, job.shard, job.attempt, path).tail(60):
        ended = re.search(r" ends with exit code (\d+)", line)
        if ended:
            code = int(ended[1])
        elif "error" in line.lower() or "No module" in line:
            last = _STAMP.sub("", line.strip()).removeprefix("hpcml: error: ")
    return _Printed(code, last)


def _dag_failure(opened: OpenCampaign, jobs: Jobs) -> list[Reason]:
    """A DAG that ended badly before or between its nodes: DAGMan's own last error."""
    reasons = []
    for submission, ref, record in jobs.whole:
        if submission.kind != "dag" or record.state is not JobState.FAILED:
            continue
        folder = opened.layout.attempt_folder(jobs.attempts[-1])
        talk = folder / submission.file.replace(".dag", ".dag.dagman.out")
        lines = talk.read_text(encoding="utf-8", errors="replace").splitlines() if talk.is_file() else []
        told = [line.split(" ", 2)[-1] for line in lines if "ERROR" in line or "Warning: default" in line]
        if told:
            reasons.append(Reason(f"DAG {ref.job}", f"DAGMan gave up: {' '.join(told[-2:])}.", _RESUME))
        for path in sorted(folder.glob("*/logs/box.log")):  # file transfer: what shards take along
            said = [line for line in path.read_text(encoding="utf-8").splitlines() if "error: " in line]
            if said:
                sentence = f"Its shards have nothing to take along: {said[-1].partition('error: ')[2]}"
                reasons.append(Reason(path.parent.parent.name, f"{sentence}.", _RESUME))
    return reasons


def _step(step: OpenStep, jobs: Jobs) -> list[Reason]:
    if step.finished():
        return []
    if not step.listed():
        return [
            Reason(
                step.name, "Its units are not listed yet.", f"it waits for {', '.join(step.earlier_steps())}"
            )
        ]
    ledger = step.ledger()
    if not len(ledger.missing):
        return [Reason(step.name, "All units are done; it is not merged.", "`hpcml merge DIR`")]
    counts, last = failed_attempts(step.opened.layout, step.name)
    reasons = _jobs(step, jobs, ledger, bool(counts)) + _failed_units(step.name, counts, last)
    for path, why in ledger.damaged:
        reasons.append(
            Reason(f"{step.name}: {path.name}", f"{why}.", "`hpcml verify DIR --set-aside`, resume")
        )
    if not reasons:
        sentence = f"{len(ledger.missing)} units are not computed."
        reasons.append(Reason(step.name, sentence, "`hpcml resume DIR` computes them"))
    return reasons


def _jobs(step: OpenStep, jobs: Jobs, ledger: Ledger, units_failed: bool) -> list[Reason]:
    """One reason for all shards with missing units whose jobs say the same."""
    newest = jobs.newest(step.name)
    if not newest:
        return []
    numbers, shards = attempt_numbers(step, next(iter(newest.values())).attempt)
    bounds = shard_bounds(step.units().cost[numbers], shards)
    same: dict[tuple[str, str], list[int]] = {}
    for shard, job in newest.items():
        if ledger.done[numbers[bounds[shard] : bounds[shard + 1]]].all():
            continue
        record = job.record
        printed = None if record.state.is_live else _printed(step, job)
        if printed is not None and record.state in _ENDED and printed.code:
            # what the script said itself; in a DAG its job reports 0 whatever came
            record = replace(record, state=JobState.FAILED, exit_code=printed.code)
        if record.state is JobState.DONE or (record.exit_code == EXIT_INCOMPLETE and units_failed):
            continue  # failures of single units say more
        said = explain_record(step.opened.campaign.site.scheduler, record)
        quoted = printed is not None and printed.code and printed.last
        words = f" It printed: {printed.last}" if printed is not None and quoted else ""
        same.setdefault((said.sentence + words, said.remedy), []).append(shard)
    return [
        Reason(f"{step.name} shard{'s' * (len(shards) > 1)} {ranges(shards)}", sentence, remedy)
        for (sentence, remedy), shards in same.items()
    ]


def _failed_units(step: str, counts: Counter[str], last: dict[str, dict[str, Any]]) -> list[Reason]:
    errors: dict[str, list[str]] = {}
    for key, word in last.items():
        errors.setdefault(str(word["error"]), []).append(key)
    return [
        Reason(
            f"{step}: {len(keys)} unit(s), such as {keys[0]}",
            f"They failed up to {max(counts[key] for key in keys)} times: {error}.",
            "mend it and `hpcml resume DIR --retry-failed`; `hpcml units DIR --state failed` lists them",
        )
        for error, keys in errors.items()
    ]
