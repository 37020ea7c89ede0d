"""YAML maps that people write beside their files: positions of plates, names of branches."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from hpcml.errors import InputError


class BranchMap(NamedTuple):
    """The name of a tree, and {column: branch}."""

    tree: str
    columns: dict[str, str]


def read_map(path: Path, *, keys: tuple[str, ...]) -> dict[str, Any]:
    """A YAML file that has these keys. InputError otherwise."""
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(found, dict) or not set(keys) <= set(found):
        raise InputError(f"{path} must contain the keys {', '.join(keys)}")
    return found


def read_branch_map(path: Path, *, known: Collection[str]) -> BranchMap:
    """A YAML file `tree: NAME, columns: {COLUMN: BRANCH, ...}`; InputError for other columns."""
    found = read_map(path, keys=("tree", "columns"))
    columns = found["columns"]
    if not isinstance(columns, dict) or not set(columns) <= set(known):
        wrong = f": not {min(map(str, set(columns) - set(known)))}" if isinstance(columns, dict) else ""
        raise InputError(f"{path}: columns must name branches of {', '.join(sorted(known))}{wrong}")
    return BranchMap(str(found["tree"]), {str(name): str(branch) for name, branch in columns.items()})
