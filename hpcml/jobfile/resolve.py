"""Job file and site file to Campaign, with the origin of every value.

Layers, lowest first: defaults, config/defaults.yaml, site, job file, --set.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal

from hpcml import registry
from hpcml.campaign import Campaign, Resources, StepPlan
from hpcml.errors import UsageError
from hpcml.inputfile import HashMode
from hpcml.jobfile.inputs import InputReader
from hpcml.jobfile.layers import Layer, check, override
from hpcml.jobfile.models import DefaultsFile, JobFile, SiteFile, StepEntry
from hpcml.jobfile.origins import Resolved
from hpcml.jobfile.parameters import check_parameters
from hpcml.jobfile.sites import site_document, site_of
from hpcml.jobfile.yaml_source import Key, Problem, read
from hpcml.share import resource_folder
from hpcml.workload import Workload

_STEP_KEYS: tuple[Literal["where", "max_attempts", "compression"], ...] = (
    "where",
    "max_attempts",
    "compression",
)


def resolve(
    path: Path,
    *,
    overrides: Sequence[str] = (),
    site: str | None = None,
    check_inputs: bool,
    hash_mode: HashMode = "fast",
) -> tuple[Resolved, list[str]]:
    """The campaign that the job file at `path` asks for, and warnings.

    overrides: `key=value` as in `--set`. check_inputs: an absent input is an error; otherwise it is
    a warning, it is left out of the campaign, and nothing is hashed.
    Raises JobFileError: one line, `file:line: key: what is wrong, found ...`.
    """
    document = read(path, str(path))
    for text in overrides:
        override(document, text)
    if site is not None:
        document.put(("site",), site, "--site")
    job: JobFile = check(JobFile, document)
    defaults_document = read(resource_folder("config") / "defaults.yaml", "config/defaults.yaml")
    defaults: DefaultsFile = check(DefaultsFile, defaults_document)

    origins: dict[str, str] = {key: document.mark((key,)) for key in ("campaign", "seed")}
    if "site" in job.model_fields_set:
        site_name, origins["site.name"] = job.site, document.mark(("site",))
    else:
        site_name, origins["site.name"] = defaults.site, defaults_document.mark(("site",))
    site_file = site_document(site_name, document)
    site_entry: SiteFile = check(SiteFile, site_file)
    layers = [
        Layer(defaults_document, defaults),
        Layer(site_file, site_entry),
        Layer(document, job),
    ]

    base = path.absolute().parent
    reader = InputReader(document, base, os.environ, check_inputs, hash_mode)
    campaign = Campaign(
        name=job.campaign,
        seed=job.seed,
        steps=tuple(_step(index, layers, reader, origins) for index in range(len(job.steps))),
        site=site_of(site_name, layers[1], origins),
        base=str(base),
        job_text=document.text,
        notify=job.notify.model_dump(exclude_none=True),
        container=_container(job.container, reader),
    )
    document.fail(reader.problems)
    for key in ("notify", "container"):
        origins[key] = document.mark((key,)) if key in job.model_fields_set else "default"
    return Resolved(campaign, origins), reader.warnings


def _container(text: str, reader: InputReader) -> str:
    """An image on disk as an absolute path; `docker://...` as it is."""
    return text if not text or "://" in text else str(reader.path(("container",), text))


def _step(index: int, layers: Sequence[Layer], reader: InputReader, origins: dict[str, str]) -> StepPlan:
    """One step with its layers applied; what is wrong goes to reader.problems."""
    job = layers[-1]
    steps: list[StepEntry] = job.entry.steps
    entry = steps[index]
    key: Key = ("steps", index)
    name = f"steps.{entry.name}"
    if entry.name in [other.name for other in steps[:index]]:
        reader.problems.append(Problem((*key, "name"), "another step has this name", entry.name))

    where: dict[str, str] = {}
    resources: dict[str, Any] = {}
    for layer in layers:
        resources |= layer.given(("resources",), layer.entry.resources, where)
    resources |= job.given((*key, "resources"), entry.resources, where)
    for field in fields(Resources):
        origins[f"{name}.resources.{field.name}"] = where.get(field.name, "default")

    own: dict[str, Any] = {}
    where = {}
    for source, at, part in ((layers[0], ("step",), layers[0].entry.step), (job, key, entry)):
        given = source.given(at, part, where)
        own |= {word: given[word] for word in _STEP_KEYS if word in given}
    for word in (*_STEP_KEYS, "name", "workload"):
        origins[f"{name}.{word}"] = where.get(word, "default")

    plan = StepPlan(entry.name, entry.workload, 0, resources=Resources(**resources), **own)
    workload = _workload(entry, key, reader)
    if workload is None:
        return plan
    origins[f"{name}.version"] = "workload default"
    try:
        parameters, sweep, problems = check_parameters(workload, entry.parameters, entry.sweep, key)
    except UsageError as error:
        parameters, sweep = {}, {}
        problems = [Problem((*key, "workload"), error.message, entry.workload, error.hint)]
    reader.problems += problems
    for parameter in parameters:
        set_here = parameter in entry.parameters
        mark = job.document.mark((*key, "parameters", parameter)) if set_here else "workload default"
        origins[f"{name}.parameters.{parameter}"] = mark
    for parameter in sweep:
        origins[f"{name}.sweep.{parameter}"] = job.document.mark((*key, "sweep", parameter))
    inputs = reader.inputs(index, steps, workload)
    for item in inputs:
        origins[f"{name}.inputs.{item}"] = job.document.mark((*key, "inputs", item))
    return replace(plan, version=workload.version, parameters=parameters, sweep=sweep, inputs=inputs)


def _workload(entry: StepEntry, key: Key, reader: InputReader) -> type[Workload] | None:
    try:
        return registry.load(entry.workload, Path(reader.base))
    except UsageError as error:
        what = " ".join(error.message.split())
        reader.problems.append(Problem((*key, "workload"), what, entry.workload, error.hint))
        return None
