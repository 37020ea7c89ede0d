"""Why a campaign is not done: per step, one plain sentence for shards that share a reason, and the cure.

What lives here: gathering and grouping. What does not: the sentences (schedulers/explain.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from hpcml.commands.jobs import Jobs, jobs_of
from hpcml.opening import OpenCampaign, OpenStep
from hpcml.schedulers.base import ranges
from hpcml.schedulers.explain import explain as explain_record
from hpcml.states import JobState
from hpcml.store.ledger import failed_attempts


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
    for step in opened.steps:
        reasons += _step(step, jobs)
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
    reasons = []
    ledger = step.ledger()
    site = step.opened.campaign.site
    same: dict[tuple[str, str], list[int]] = {}
    for shard, job in jobs.newest(step.name).items():
        if job.record.state is JobState.DONE:
            continue
        said = explain_record(site.scheduler, job.record)
        same.setdefault((said.sentence, said.remedy), []).append(shard)
    if len(ledger.missing):
        for (sentence, remedy), shards in same.items():
            reasons.append(Reason(f"{step.name} shards {ranges(shards)}", sentence, remedy))
    counts, last = failed_attempts(step.opened.layout, step.name)
    errors: dict[str, list[str]] = {}
    for key, word in last.items():
        errors.setdefault(str(word["error"]), []).append(key)
    for error, keys in errors.items():
        tried = max(counts[key] for key in keys)
        reasons.append(
            Reason(
                f"{step.name}: {len(keys)} unit(s), such as {keys[0]}",
                f"They failed up to {tried} times: {error}.",
                "mend it and `hpcml resume DIR --retry-failed`; `hpcml units DIR --state failed` lists them",
            )
        )
    for path, why in ledger.damaged:
        reasons.append(
            Reason(f"{step.name}: {path.name}", f"{why}.", "`hpcml verify DIR --set-aside`, resume")
        )
    if len(ledger.missing) and not reasons:
        reasons.append(
            Reason(
                step.name,
                f"{len(ledger.missing)} units are not computed.",
                "`hpcml resume DIR` computes them",
            )
        )
    if not len(ledger.missing):
        reasons.append(Reason(step.name, "All units are done; it is not merged.", "`hpcml merge DIR`"))
    return reasons
