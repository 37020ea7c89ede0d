"""YAML maps that people write beside their files: positions of plates, names of branches.

Opening such a file, with one line where it is not what was asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpcml.errors import UsageError


def read_map(path: Path, *, keys: tuple[str, ...]) -> dict[str, Any]:
    """A YAML file that holds these keys. UsageError otherwise."""
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(found, dict) or not set(keys) <= set(found):
        raise UsageError(f"{path} must hold the keys {', '.join(keys)}")
    return found
