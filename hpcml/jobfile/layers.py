"""One YAML document among those whose values lie over each other: checked, with a mark for each value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from hpcml.errors import JobFileError, nearest
from hpcml.jobfile.messages import checked
from hpcml.jobfile.yaml_source import Document, Key, parse_value


@dataclass(frozen=True)
class Layer:
    """One document after its check, lowest first in every list of layers."""

    document: Document
    entry: Any

    def given(self, key: Key, entry: Any, origin: dict[str, str]) -> dict[str, Any]:
        """The values that `entry`, which stands at `key`, sets itself; notes where."""
        names = [str(name) for name in entry.model_fields_set]
        origin.update({name: self.document.mark((*key, name)) for name in names})
        return {name: getattr(entry, name) for name in names}


def check(model: type, document: Document) -> Any:
    """The document as its model; JobFileError with every problem of it."""
    entry, problems = checked(TypeAdapter(model), document.value)
    document.fail(problems)
    return entry


def override(document: Document, text: str) -> None:
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
