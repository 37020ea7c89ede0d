"""What jobs printed: the files, newest last, and the end of each."""

from __future__ import annotations

import re

from hpcml.attempts.jobs import current_jobs
from hpcml.attempts.output import LogFile
from hpcml.directory.history import History
from hpcml.directory.opened import OpenCampaign
from hpcml.schedulers.base import scheduler


def log_files(
    opened: OpenCampaign, history: History, *, step: str | None = None, shard: int | None = None
) -> list[LogFile]:
    """Output files that exist, by step, shard and attempt."""
    found = [*_local(opened), *_submitted(opened, history)]
    order = {one.name: at for at, one in enumerate(opened.steps)}
    chosen = [
        log for log in found if (step is None or log.step == step) and (shard is None or log.shard == shard)
    ]
    return sorted(chosen, key=lambda log: (order.get(log.step, -1), log.shard, log.attempt))


def _local(opened: OpenCampaign) -> list[LogFile]:
    found = []
    for path in sorted((opened.root / "output").glob("*.log")):
        match = re.fullmatch(r"(.+)\.s(\d+)\.a(\d+)\.log", path.name)
        if match:
            found.append(LogFile(match[1], int(match[2]), int(match[3]), path))
    return found


def _submitted(opened: OpenCampaign, history: History) -> list[LogFile]:
    jobs = current_jobs(opened, history)
    if not jobs.attempts:
        return []
    who = scheduler(opened.campaign.site.scheduler)
    found = []
    for job in jobs.shards:
        folder = opened.layout.attempt_folder(job.attempt) / job.step / "logs"
        found.append(LogFile(job.step, job.shard, job.attempt, folder / who.log_name(job.ref)))
    for attempt in jobs.attempts:
        for path in sorted(opened.layout.attempt_folder(attempt).glob("*/logs/merge-*.log")):
            found.append(LogFile(path.parent.parent.name, -1, attempt, path))
    return [log for log in found if log.path.is_file()]
