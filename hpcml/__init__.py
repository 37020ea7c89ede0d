"""hpcml: one YAML job file becomes one verified table, on any number of ranks, killed and resumed.

The few functions that people use in notebooks (docs/python-api.md). They are imported on first use, so
that `import hpcml` stays as cheap as the interpreter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpcml.api import open_table, plan, run, status, units

__all__ = ["open_table", "plan", "run", "status", "units"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from hpcml import api

        return getattr(api, name)
    raise AttributeError(f"module 'hpcml' has no attribute {name!r}")
