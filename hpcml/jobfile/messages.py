"""pydantic's findings -> problems in words that name the key, the value and the nearest valid name.

The check of plain values against a type, and the translation of what it finds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema

from hpcml.errors import nearest
from hpcml.jobfile.yaml_source import Key, Problem

_MISSING = {"missing", "missing_argument", "missing_keyword_only_argument"}
_UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument"}
_WORDS = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping (key: value)",
    "model_type": "must be a mapping (key: value)",
    "dataclass_type": "must be a mapping (key: value)",
    "none_required": "must be null",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be greater than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_short": "must have at least {min_length} character(s)",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} value(s)",
    "too_long": "must have at most {max_length} value(s)",
    "value_error": "{error}",
    "assertion_error": "{error}",
}
_NAMES = {"string_pattern_mismatch": "a name: small letters, digits, '-' and '_'"}


def checked(adapter: TypeAdapter[Any], value: Any, at: Key = ()) -> tuple[Any, list[Problem]]:
    """`value` (plain YAML values) as the adapter's type, or what is wrong with it below key `at`.

    It passes through JSON: only there does strictness accept lists as tuples and mappings as
    dataclasses, while "3", 3.0 and true still are no integers.
    """
    try:
        return adapter.validate_json(json.dumps(value), strict=True), []
    except ValidationError as error:
        return None, _translate(error, value, at, _schema(adapter))


def _translate(error: ValidationError, value: Any, at: Key, schema: Mapping[str, Any]) -> list[Problem]:
    found: dict[Key, Problem] = {}
    for item in error.errors(include_url=False):
        key = _key(value, item["loc"], item["type"] in _MISSING)
        problem = _problem(item, key, value, at, schema)
        if key in found and found[key].what != problem.what:
            # the branches of a union complain one by one about the same value
            merged = f"{found[key].what} or {problem.what.removeprefix('must be ')}"
            problem = Problem(problem.key, merged, problem.found, problem.hint)
        found[key] = problem
    return list(found.values())


def _problem(item: Mapping[str, Any], key: Key, value: Any, at: Key, schema: Mapping[str, Any]) -> Problem:
    kind, context = item["type"], item.get("ctx", {})
    if kind in _MISSING:
        parent = _at(value, key[:-1])
        found: Any = sorted(parent) if isinstance(parent, dict) else parent
        return Problem((*at, *key), "the required key is missing", found)
    if kind in _UNKNOWN:
        allowed = _names(schema, key[:-1])
        hint = nearest(str(key[-1]), allowed) or (f"known keys: {', '.join(allowed)}" if allowed else "")
        return Problem((*at, *key), "unknown key", _at(value, key), hint)
    words = _WORDS.get(kind)
    text = words.format(**context) if words else item["msg"].replace("Input should", "must")
    here = _at(value, key)
    hint = _NAMES.get(kind, "")
    if kind in ("literal_error", "enum") and isinstance(here, str):
        hint = nearest(here, str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", "))
    elif kind == "string_type" and isinstance(here, int | float):
        hint = f"put it in quotes: '{here}'"
    return Problem((*at, *key), text, here, hint)


def _key(value: Any, location: tuple[int | str, ...], missing: bool) -> Key:
    """The part of pydantic's location that exists in the value: it also names union branches."""
    key: list[int | str] = []
    for depth, part in enumerate(location):
        last = depth == len(location) - 1
        if isinstance(value, dict) and (part in value or (missing and last)):
            key.append(part)
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            key.append(part)
            value = value[part]
    return tuple(key)


def _at(value: Any, key: Key) -> Any:
    for part in key:
        value = value[part]
    return value


def _schema(adapter: TypeAdapter[Any]) -> Mapping[str, Any]:
    try:
        return adapter.json_schema()
    except PydanticInvalidForJsonSchema:
        return {}


def _names(schema: Mapping[str, Any], key: Key) -> list[str]:
    """The keys that the schema allows at `key`; empty when it does not say."""
    here: Mapping[str, Any] = schema
    for part in (*key, None):
        options = [here, *here.get("anyOf", ()), *here.get("allOf", ())]
        targets = [option["$ref"].rpartition("/")[2] for option in options if "$ref" in option]
        if targets:
            here = schema.get("$defs", {})[targets[0]]
        if isinstance(part, int):
            here = here.get("items", {})
        elif part is not None:
            here = here.get("properties", {}).get(part, {})
    return list(here.get("properties", ()))
