"""Writes the scheduler's files of the next attempt, to look at or to submit by hand."""

from __future__ import annotations

from pathlib import Path

from hpcml.attempts.rendering import render as render_attempt
from hpcml.attempts.submission import refuse_local, submittable_steps
from hpcml.directory.attempts import next_attempt
from hpcml.directory.history import History
from hpcml.directory.opened import OpenCampaign


def render(opened: OpenCampaign, step: str | None = None) -> list[Path]:
    """Paths of the files of every step that is not merged, or of one step; `submit.json` last."""
    refuse_local(opened)
    steps = [opened.step(step)] if step else submittable_steps(opened)[0]
    attempt = next_attempt(opened, History.read(opened.layout.journal))
    shards = {one.name: range(one.plan.resources.shards) for one in steps}
    out = opened.layout.attempt_folder(attempt)
    return render_attempt(opened.root, opened.campaign, attempt=attempt, shards=shards, out=out)
