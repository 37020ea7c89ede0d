"""What a job file, a site file and config/defaults.yaml may say: names, types and bounds.

The pydantic models, the two spellings people use for memory and time, and the JSON Schema for editors.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from hpcml.campaign import Compression, LauncherName, Resources, SchedulerName, StepPlan, Where
from hpcml.quantities import parse_memory, parse_walltime


def _input_value(value: Any) -> str | list[str]:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, list) and value and all(isinstance(item, str) and item for item in value):
        return value
    raise ValueError("must be an earlier step, a path, a glob, or a list of paths and globs")


def _environment_value(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("must be text or a whole number; put it in quotes")


_AMOUNT = WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]})
Count = Annotated[int, Field(ge=1)]
Memory = Annotated[int, BeforeValidator(parse_memory), Field(ge=1), _AMOUNT]
Walltime = Annotated[int, BeforeValidator(parse_walltime), Field(ge=1), _AMOUNT]
InputValue = Annotated[
    Any,
    BeforeValidator(_input_value),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
    ),
]
CampaignName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=100)]
# no dot: `--set steps.NAME.key=value` and `campaign:DIR/NAME` must have one reading
StepName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
SiteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60)]
_RESOURCES = Resources()
_STEP = StepPlan(name="", workload="", version=1)


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ResourcesEntry(_Model):
    """What one shard asks for; what is left out comes from the layer below."""

    ranks: Count = Field(default=_RESOURCES.ranks, description="MPI processes of one shard")
    cpus: Count = Field(default=_RESOURCES.cpus, description="CPUs per rank")
    memory: Memory = Field(default=_RESOURCES.memory, description="per rank: bytes, '2 GB' or '2 GiB'")
    walltime: Walltime = Field(
        default=_RESOURCES.walltime, description="seconds, '90m', '1h30m', '01:30:00', '2-00:00:00'"
    )
    shards: Count = Field(
        default=_RESOURCES.shards, description="array tasks that the units of a step are divided among"
    )


class NotifyEntry(_Model):
    """Who is notified when the campaign ends."""

    mail: str | None = Field(default=None, description="address")
    command: str | None = Field(default=None, description="shell command")


class StepEntry(_Model):
    """One workload over its units."""

    name: StepName = Field(description="later steps name it under `inputs:`")
    workload: str = Field(min_length=1, description="a known name, `file.py:Class` or `package.module:Class`")
    parameters: dict[str, Any] = Field(default={}, description="fields of the workload's Parameters")
    inputs: dict[str, InputValue] = Field(
        default={},
        description="earlier step, `campaign:DIR/step`, path, glob, `@list.txt`, a list of paths or steps",
    )
    resources: ResourcesEntry = Field(default=ResourcesEntry(), description="over the campaign's")
    where: Where = Field(default=_STEP.where, description="`here`: on the machine where the command is typed")
    sweep: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        default={}, description="parameter: its values; the units are multiplied"
    )
    max_attempts: Count = Field(default=_STEP.max_attempts, description="how often a failed unit is tried")
    compression: Compression = Field(default=_STEP.compression, description="of the merged table")


class JobFile(_Model):
    """An hpcml job file: one campaign and its steps."""

    campaign: CampaignName
    seed: int = Field(ge=0, description="every random number of the campaign follows from it")
    site: SiteName = Field(default="local", description="a file config/sites/NAME.yaml")
    resources: ResourcesEntry = ResourcesEntry()
    notify: NotifyEntry = NotifyEntry()
    container: Annotated[str, Field(min_length=1)] = Field(default="", description="image that ranks run in")
    steps: list[StepEntry] = Field(min_length=1)


class SiteFile(_Model):
    """config/sites/NAME.yaml: what is particular to a cluster."""

    scheduler: SchedulerName = SchedulerName.LOCAL
    launcher: LauncherName = LauncherName.AUTO
    setup: list[str] = Field(default=[], description="shell lines run before Python starts")
    environment: dict[str, Annotated[str, BeforeValidator(_environment_value)]] = {}
    directives: dict[str, str | int | bool | None] = Field(
        default={}, description="lines for the scheduler by name; null removes one"
    )
    options: dict[str, Any] = {}
    kernel: str = Field(default="", description="OPENBLAS_CORETYPE, so that all hosts compute the same bits")
    resources: ResourcesEntry = Field(default=ResourcesEntry(), description="defaults of this site")


class StepDefaults(_Model):
    where: Where = _STEP.where
    max_attempts: Count = _STEP.max_attempts
    compression: Compression = _STEP.compression


class DefaultsFile(_Model):
    """config/defaults.yaml: what holds where neither site nor job file says otherwise."""

    site: SiteName = "local"
    resources: ResourcesEntry = ResourcesEntry()
    step: StepDefaults = StepDefaults()


def job_schema() -> dict[str, Any]:
    """JSON Schema of a job file, for editors that complete and check YAML."""
    schema = JobFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
