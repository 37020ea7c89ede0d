"""Why a campaign is not done: per step, one plain sentence for shards that share a reason, and the remedy.

Commands in a remedy name the campaign directory, so that they can be copied.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from hpcml.attempts.jobs import Jobs, current_jobs
from hpcml.attempts.outcomes import JobOutcome, step_outcomes
from hpcml.attempts.request import next_request
from hpcml.campaign import SchedulerName
from hpcml.directory.history import Failures, History
from hpcml.directory.intake import reading
from hpcml.directory.opened import OpenCampaign, OpenStep
from hpcml.errors import EXIT_INCOMPLETE
from hpcml.quantities import counted
from hpcml.schedulers.base import ranges, scheduler
from hpcml.schedulers.failures import with_root
from hpcml.states import JobState
from hpcml.store.ledger import Ledger

_FIX_AND_RESUME = "fix it, then `hpcml resume {root}`"
_FRAME = re.compile(r'File "(.+", line \d+)')


@dataclass(frozen=True, slots=True)
class Reason:
    """who: 'scan shards 3,7-9' and the like. remedy: '' when nothing is to be done."""

    who: str
    sentence: str
    remedy: str


def explain(opened: OpenCampaign) -> list[Reason]:
    """Reasons in the order of the steps; empty when everything is merged."""
    with reading(opened) as history:
        reasons = _reasons(opened, history)
    return [replace(reason, remedy=with_root(reason.remedy, opened.root)) for reason in reasons]


def _reasons(opened: OpenCampaign, history: History) -> list[Reason]:
    submits = opened.campaign.site.scheduler != SchedulerName.LOCAL
    jobs = current_jobs(opened, history) if submits else Jobs()
    reasons: list[Reason] = []
    if jobs.error:
        reasons.append(
            Reason("the scheduler", f"It does not answer: {jobs.error}.", "ask again later; nothing is lost")
        )
    if not all(step.finished() for step in opened.steps):
        reasons += _owner_failures(opened, jobs)
    for step in opened.steps:
        reasons += _step(step, jobs, history)
    return reasons


def _owner_failures(opened: OpenCampaign, jobs: Jobs) -> list[Reason]:
    """Why the job that owns all others of the newest attempt ended badly before or between them."""
    asked = scheduler(opened.campaign.site.scheduler)
    owners = [(sub, record) for sub, _, record in jobs.merges_and_dags if sub.owns_all]
    if not owners or owners[-1][1].state is not JobState.FAILED:
        return []
    folder = opened.layout.attempt_folder(jobs.attempts[-1])
    found = asked.owner_failures(folder, owners[-1][0])
    return [Reason(who, sentence, _FIX_AND_RESUME) for who, sentence in found]


def _step(step: OpenStep, jobs: Jobs, history: History) -> list[Reason]:
    if step.finished():
        return []
    if not step.listed():
        return [
            Reason(
                step.name,
                "Its units are not listed yet.",
                f"wait until {', '.join(step.earlier_steps())} is merged",
            )
        ]
    ledger = step.ledger()
    if not len(ledger.missing):
        return [Reason(step.name, "All units are done; it is not merged.", "`hpcml merge {root}`")]
    failures = history.failures(step.name)
    reasons = _jobs(step, jobs, ledger, history) + _failed_units(step.name, failures)
    for path, why in ledger.damaged:
        reasons.append(
            Reason(
                f"{step.name}: {path.name}",
                f"{why}.",
                "`hpcml verify {root} --set-aside`, then `hpcml resume {root}`",
            )
        )
    if not reasons:
        are = "is" if len(ledger.missing) == 1 else "are"
        sentence = f"{counted(len(ledger.missing), 'unit')} {are} not computed yet."
        reasons.append(Reason(step.name, sentence, "`hpcml resume {root}` computes what is missing"))
    return reasons


def _jobs(step: OpenStep, jobs: Jobs, ledger: Ledger, history: History) -> list[Reason]:
    """One reason for all shards with missing units whose jobs ended alike."""
    same: dict[tuple[str, str, str], list[JobOutcome]] = {}
    units_failed = bool(history.failures(step.name).counts)
    next_one = next_request(
        step.name,
        step.plan.resources,
        step.opened.campaign.site.options,
        history,
        step_outcomes(step, jobs, ledger),
        done=int(ledger.done.sum()),
    )
    for outcome in next_one.outcomes.found:
        record, diagnosis = outcome.record, outcome.diagnosis
        if record.state is JobState.DONE or (record.exit_code == EXIT_INCOMPLETE and units_failed):
            continue  # failures of single units say more
        remedy = (
            next_one.remedies.get(diagnosis.failure, diagnosis.remedy)
            if diagnosis.failure
            else diagnosis.remedy
        )
        # words that differ in numbers alone (slots, processes, times) mean the same
        same.setdefault((diagnosis.sentence, remedy, re.sub(r"\d+", "", outcome.words)), []).append(outcome)
    reasons = []
    for (sentence, remedy, _), those in same.items():
        shards = [one.job.shard for one in those]
        who = f"{step.name} shard{'s' * (len(shards) > 1)} {ranges(shards)}"
        reasons.append(Reason(who, f"{sentence} {those[0].words}".rstrip(), remedy))
    return reasons


def _failed_units(step: str, failures: Failures) -> list[Reason]:
    """One reason for all units that failed with the same type of error at the same line."""
    counts, last = failures.counts, failures.last
    errors: dict[tuple[str, str], list[str]] = {}
    for key, word in last.items():
        frames = _FRAME.findall(str(word["traceback"]))
        errors.setdefault((str(word["error"]).partition(":")[0], frames[-1] if frames else ""), []).append(
            key
        )
    reasons = []
    for keys in errors.values():
        hosts = {str(last[key]["host"]) for key in keys}
        where = f", all on {hosts.pop()}" if len(keys) > 1 and len(hosts) == 1 else ""
        times = max(counts[key] for key in keys)
        failed = "It failed" if len(keys) == 1 else "They failed up to"
        reasons.append(
            Reason(
                f"{step}: unit {keys[0]}"
                if len(keys) == 1
                else f"{step}: {len(keys)} units, such as {keys[0]}",
                f"{failed} {counted(times, 'time')}{where}: {last[keys[0]]['error']}.",
                "fix it and `hpcml resume {root} --retry-failed`;"
                " `hpcml units {root} --state failed` lists them",
            )
        )
    return reasons
