"""Job file and site file -> Campaign, with the origin of every value.

The layers (defaults, config/defaults.yaml, site, job file, --set), the checks that need more than one key
(workloads, steps naming steps, input files), and the environment variables of the submit side.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import TypeAdapter

from hpcml import registry
from hpcml.campaign import Campaign, Resources, Site, StepInput, StepPlan
from hpcml.errors import JobFileError, UsageError, nearest
from hpcml.inputfile import HashMode, describe_input, input_changed
from hpcml.jobfile.inputs import InputReader
from hpcml.jobfile.messages import checked
from hpcml.jobfile.models import DefaultsFile, JobFile, SiteFile, StepEntry, job_schema
from hpcml.jobfile.parameters import check_parameters
from hpcml.jobfile.yaml_source import Document, Key, Problem, parse_value, read
from hpcml.share import resource_folder
from hpcml.workload import Workload

__all__ = ["Resolved", "describe_input", "explain", "input_changed", "job_schema", "resolve"]

_STEP_KEYS: tuple[Literal["where", "max_attempts", "compression"], ...] = (
    "where",
    "max_attempts",
    "compression",
)


@dataclass(frozen=True)
class Resolved:
    """A campaign and, for each of its values, `file:line`, `default`, `workload default` or `--set`."""

    campaign: Campaign
    origins: dict[str, str]


@dataclass(frozen=True)
class _Layer:
    """One document after its check, lowest first in every list of layers."""

    document: Document
    entry: Any

    def given(self, key: Key, entry: Any, origin: dict[str, str]) -> dict[str, Any]:
        """The values that `entry`, which stands at `key`, sets itself; notes where."""
        names = [str(name) for name in entry.model_fields_set]
        origin.update({name: self.document.mark((*key, name)) for name in names})
        return {name: getattr(entry, name) for name in names}


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
    for override in overrides:
        _override(document, override)
    if site is not None:
        document.put(("site",), site, "--site")
    job: JobFile = _check(JobFile, document)
    defaults_document = read(resource_folder("config") / "defaults.yaml", "config/defaults.yaml")
    defaults: DefaultsFile = _check(DefaultsFile, defaults_document)

    origins: dict[str, str] = {key: document.mark((key,)) for key in ("campaign", "seed")}
    if "site" in job.model_fields_set:
        site_name, origins["site.name"] = job.site, document.mark(("site",))
    else:
        site_name, origins["site.name"] = defaults.site, defaults_document.mark(("site",))
    site_document = _site_document(site_name, document)
    site_entry: SiteFile = _check(SiteFile, site_document)
    layers = [
        _Layer(defaults_document, defaults),
        _Layer(site_document, site_entry),
        _Layer(document, job),
    ]

    base = path.absolute().parent
    reader = InputReader(document, base, os.environ, check_inputs, hash_mode)
    campaign = Campaign(
        name=job.campaign,
        seed=job.seed,
        steps=tuple(_step(index, layers, reader, origins) for index in range(len(job.steps))),
        site=_site(site_name, layers[1], origins),
        base=str(base),
        job_text=document.text,
        notify=job.notify.model_dump(exclude_none=True),
        container=_container(job.container, reader),
    )
    document.fail(reader.problems)
    for key in ("notify", "container"):
        origins[key] = document.mark((key,)) if key in job.model_fields_set else "default"
    return Resolved(campaign, origins), reader.warnings


def explain(resolved: Resolved) -> list[tuple[str, str, str]]:
    """(key, value as YAML, origin) of each value of the campaign, for `hpcml plan --explain`."""
    rows = []
    for key, value in _flat(resolved.campaign):
        origin, above = "", key
        while not (origin := resolved.origins.get(".".join(above), "")) and above:
            above = above[:-1]
        text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
        rows.append((".".join(key), text.removesuffix("\n").removesuffix("\n..."), origin or "default"))
    return rows


def _check(model: type, document: Document) -> Any:
    entry, problems = checked(TypeAdapter(model), document.value)
    document.fail(problems)
    return entry


def _override(document: Document, text: str) -> None:
    """Write one `--set key=value` into the document; a key that cannot exist fails in its check."""
    written, equals, value = text.partition("=")
    parts = written.strip().split(".")
    if not equals or not all(parts):
        raise JobFileError(f"--set: {written.strip() or 'key'}: must be key=value, found {text!r}")
    key: list[str | int] = []
    here: Any = document.value
    for depth, part in enumerate(parts):
        if depth == 1 and parts[0] == "steps" and isinstance(here, list):
            names = [str(item.get("name")) if isinstance(item, dict) else "" for item in here]
            if part not in names:
                hint = nearest(part, names) or f"the steps: {', '.join(names)}"
                raise JobFileError(f"--set: {written.strip()}: no such step, found {part!r}", hint)
            key.append(names.index(part))
        elif isinstance(here, dict):
            key.append(part)
        else:
            above = document.written(tuple(key))
            raise JobFileError(f"--set: {written.strip()}: {above} has no keys below it, found {here!r}")
        if depth < len(parts) - 1:
            if isinstance(here, dict) and part not in here:
                document.put(tuple(key), {}, "--set")
            here = here[key[-1]]
    document.put(tuple(key), parse_value(value, f"--set {written.strip()}"), "--set")


def _site_folders() -> list[tuple[Path, str]]:
    """(folder, what to call it in messages), first found first: the user's, then the shipped."""
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    home = Path(configured) if configured else Path("~/.config").expanduser()
    own = home / "hpcml" / "sites"
    return [(own, str(own)), (resource_folder("config") / "sites", "config/sites")]


def _site_document(name: str, job: Document) -> Document:
    for folder, label in _site_folders():
        path = folder / f"{name}.yaml"
        if path.is_file():
            return read(path, f"{label}/{path.name}")
    known = sorted({path.stem for folder, _ in _site_folders() for path in folder.glob("*.yaml")})
    hint = nearest(name, known) or f"known sites: {', '.join(known)}"
    raise JobFileError(job.line(Problem(("site",), "no such site", name)), hint)


def _site(name: str, layer: _Layer, origins: dict[str, str]) -> Site:
    where: dict[str, str] = {}
    given = layer.given((), layer.entry, where)
    given.pop("resources", None)
    origins.update({f"site.{key}": mark for key, mark in where.items()})
    if "setup" in given:
        given["setup"] = tuple(given["setup"])
    return Site(name=name, **given)


def _container(text: str, reader: InputReader) -> str:
    """An image on disk as an absolute path; `docker://...` as it is."""
    return text if not text or "://" in text else str(reader.path(("container",), text))


def _step(index: int, layers: Sequence[_Layer], reader: InputReader, origins: dict[str, str]) -> StepPlan:
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


def _flat(campaign: Campaign) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(key, value) of what `explain` lists, steps by their names."""
    raw = campaign.to_json()
    steps = raw.pop("steps")
    raw["campaign"] = raw.pop("name")
    order = ("campaign", "seed", "site", "notify", "container")
    for name in order:
        yield from _below((name,), raw[name], 1)
    for step, plan in zip(steps, campaign.steps, strict=True):
        step["inputs"] = {name: _brief(item) for name, item in plan.inputs.items()}
        for field in fields(StepPlan)[1:]:
            yield from _below(("steps", plan.name, field.name), step[field.name], 1)


def _below(key: tuple[str, ...], value: Any, depth: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and depth and value:
        for name, item in value.items():
            yield from _below((*key, name), item, depth - 1)
    else:
        yield key, list(value) if isinstance(value, tuple) else value


def _brief(item: StepInput) -> Any:
    if item.step or item.campaign:
        return item.step or f"campaign:{item.campaign}"
    paths = [file.path for file in item.files]
    return paths[0] if len(paths) == 1 else paths


def sites() -> list[tuple[str, Path]]:
    """(name, file) of every site that a job file can name; a user's file hides a shipped one."""
    found: dict[str, Path] = {}
    for folder, _ in reversed(_site_folders()):
        found.update({path.stem: path for path in folder.glob("*.yaml")})
    return sorted(found.items())


def load_site(name: str) -> Site:
    """The site called `name`, checked like in a job file."""
    known = dict(sites())
    if name not in known:
        raise UsageError(f"no site {name!r}", nearest(name, [*known]) or f"known: {', '.join(known)}")
    document = read(known[name], str(known[name]))
    return _site(name, _Layer(document, _check(SiteFile, document)), {})
