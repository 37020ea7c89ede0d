"""Campaign and site -> submit files: plain texts that work by hand.

Which steps go into an attempt, the writing of its folder, and `submit.json`, which says to submit, status
and logs what each file is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryFile

from hpcml.campaign import Campaign
from hpcml.errors import UsageError, nearest
from hpcml.schedulers.attempt_spec import AttemptSpec, File, StepSpec
from hpcml.schedulers.base import SUBMIT_PLAN, Submission, scheduler
from hpcml.store.atomic import replacing, storage_errors, write_json


def render(
    root: Path,
    campaign: Campaign,
    *,
    attempt: int,
    shards: Mapping[str, Sequence[int]],
    out: Path,
    exclude: Sequence[str] = (),
) -> list[Path]:
    """Write the files of one attempt into `out`; return their paths, `submit.json` last.

    shards: {step: its shards to run}, in any order; an empty list asks for the merge of a step only;
    a step that is not named is left out. exclude: nodes that failed before. Every text exists before
    the first file is written, and a file that an earlier call left and this one does not want is removed.
    """
    spec = build_spec(root, campaign, attempt=attempt, shards=shards, out=out, exclude=exclude)
    who = scheduler(campaign.site.scheduler)
    submissions = who.submissions(spec)
    texts = render_texts(spec)
    _remove_stale(spec.out, [file.path for file, _ in texts])
    for file, text in texts:
        with replacing(spec.out / file.path) as temporary:
            temporary.write_text(text, encoding="utf-8")
            temporary.chmod(0o755 if file.executable else 0o644)
    for step in spec.steps:
        _make_ready(step.logs)
    plan = spec.out / SUBMIT_PLAN
    content = {
        "scheduler": who.name,
        "attempt": attempt,
        "files": [file.path for file, _ in texts],
        "submissions": [asdict(sub) for sub in submissions],
    }
    write_json(plan, content)
    return [spec.out / file.path for file, _ in texts] + [plan]


def read_submissions(out: Path) -> tuple[Submission, ...]:
    """What a rendered attempt submits, in order."""
    try:
        raw = json.loads((out / SUBMIT_PLAN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{out} holds no rendered attempt", "`hpcml render` writes one") from None
    return tuple(Submission.from_json(item) for item in raw["submissions"])


def render_texts(spec: AttemptSpec) -> list[tuple[File, str]]:
    """Every file of an attempt with its text; nothing is written."""
    # here, so that a verb which only reads submit.json starts without jinja2
    from hpcml.schedulers.templating import environment
    from hpcml.schedulers.templating import render as render_text

    folders = [Path(folder) for folder in spec.campaign.site.options.get("templates", ())]
    env = environment(folders)
    files = scheduler(spec.campaign.site.scheduler).files(spec)
    return [(file, render_text(env, file.template, file.values)) for file in files]


def build_spec(
    root: Path,
    campaign: Campaign,
    *,
    attempt: int,
    shards: Mapping[str, Sequence[int]],
    out: Path,
    exclude: Sequence[str] = (),
) -> AttemptSpec:
    """The attempt that `render` writes: steps in the campaign's order, paths absolute."""
    names = [step.name for step in campaign.steps]
    for name in shards:
        if name not in names:
            raise UsageError(f"the campaign has no step {name!r}", nearest(name, names))
        if campaign.step(name).where == "here":
            hint = f"`hpcml run --step {name}` computes it on this machine first"
            raise UsageError(f"step {name} is marked `where: here`: it is not for the scheduler", hint)
    chosen = [step for step in campaign.steps if step.name in shards]
    if not chosen:
        raise UsageError("there is no step to submit")
    out = out.absolute()
    steps = tuple(
        StepSpec(
            plan=step,
            shards=tuple(sorted(set(shards[step.name]))),
            folder=out / step.name,
            last=step is chosen[-1],
        )
        for step in chosen
    )
    return AttemptSpec(campaign, root.absolute(), attempt, out, steps, tuple(exclude))


def _make_ready(logs: Path) -> None:
    """A scheduler that cannot open the file for a job's output loses the job in silence: try it before."""
    with storage_errors(logs):
        logs.mkdir(exist_ok=True)
        with TemporaryFile(dir=logs):
            pass


def _remove_stale(out: Path, wanted: Sequence[str]) -> None:
    """Remove what an earlier rendering of the same attempt wrote and this one does not replace."""
    try:
        before = json.loads((out / SUBMIT_PLAN).read_text(encoding="utf-8"))["files"]
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in set(before) - set(wanted):
        (out / name).unlink(missing_ok=True)
