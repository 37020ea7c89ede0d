"""The `parameters:` and `sweep:` of a step, checked against its workload's Parameters.

Dataclass in, JSON values out.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from pydantic.errors import PydanticUserError

from hpcml.errors import UsageError, nearest
from hpcml.jobfile.messages import checked
from hpcml.jobfile.yaml_source import Key, Problem
from hpcml.workload import Workload

JsonValues = dict[str, Any]


def check_parameters(
    workload: type[Workload], parameters: Mapping[str, Any], sweep: Mapping[str, Sequence[Any]], at: Key
) -> tuple[JsonValues, dict[str, tuple[Any, ...]], list[Problem]]:
    """(parameters without swept ones, defaults filled; swept values; what is wrong below key `at`).

    Every combination of the sweep is checked: a rule in `__post_init__` may join two
    parameters.
    """
    adapter = adapter_of(workload)
    fields = [field.name for field in dataclasses.fields(workload.Parameters)]
    problems: list[Problem] = []
    for name, values in sweep.items():
        key = (*at, "sweep", name)
        if name not in fields:
            hint = nearest(name, fields) or f"its parameters: {', '.join(fields) or 'none'}"
            problems.append(Problem(key, "not a parameter of the workload", list(values), hint))
        elif name in parameters:
            problems.append(Problem(key, "is in `sweep` and in `parameters`", list(values), "delete one"))
    if problems:
        return {}, {}, problems

    found: dict[Key, Problem] = {}
    swept: dict[str, dict[int, Any]] = {name: {} for name in sweep}
    fixed: JsonValues = {}
    for chosen in itertools.product(*(range(len(values)) for values in sweep.values())):
        picked = dict(zip(sweep, chosen, strict=True))
        combination = {name: sweep[name][index] for name, index in picked.items()}
        value, wrong = checked(adapter, {**parameters, **combination})
        for problem in wrong:
            moved = _moved(problem, picked, combination, at)
            found.setdefault(moved.key, moved)
        if wrong:
            continue
        plain = adapter.dump_python(value, mode="json")
        for name, index in picked.items():
            swept[name][index] = plain.pop(name)
        fixed = plain
    problems = list(found.values()) or _doubled(swept, at)
    if problems:
        return {}, {}, problems
    return fixed, {name: tuple(values[i] for i in sorted(values)) for name, values in swept.items()}, []


def adapter_of(workload: type[Workload]) -> TypeAdapter[Any]:
    """A strict validator of the workload's Parameters that knows no other keys.

    Raises UsageError when Parameters is not what hpcml.workload.Workload asks for.
    """
    plain = workload.Parameters
    allowed = "bool, int, float, str, None, Literal, tuples of these, nested frozen dataclasses"
    if not dataclasses.is_dataclass(plain):
        raise UsageError("its Parameters is not a dataclass", allowed)
    # pydantic reads the configuration of a dataclass from this attribute only; the subclass keeps
    # the workload's own class as it is
    strict = type(
        plain.__name__,
        (plain,),
        {
            "__pydantic_config__": ConfigDict(strict=True, extra="forbid"),
            "__module__": plain.__module__,
            "__slots__": (),
        },
    )
    try:
        return TypeAdapter(strict)
    except PydanticUserError as error:
        raise UsageError("its Parameters has a field that YAML cannot express", allowed) from error


def _moved(problem: Problem, picked: Mapping[str, int], combination: JsonValues, at: Key) -> Problem:
    """The problem at the line that is to blame: under `sweep` when the value came from there."""
    key = problem.key
    if key and key[0] in picked:
        name = str(key[0])
        return dataclasses.replace(problem, key=(*at, "sweep", name, picked[name], *key[1:]))
    if not key and combination:
        return dataclasses.replace(problem, key=(*at, "sweep"), found=combination)
    return dataclasses.replace(problem, key=(*at, "parameters", *key))


def _doubled(swept: Mapping[str, Mapping[int, Any]], at: Key) -> list[Problem]:
    problems = []
    for name, values in swept.items():
        seen: set[str] = set()
        for index, value in values.items():
            text = json.dumps(value, sort_keys=True)
            if text in seen:
                problems.append(Problem((*at, "sweep", name, index), "duplicate value", value))
            seen.add(text)
    return problems
