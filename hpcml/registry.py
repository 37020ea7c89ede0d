"""Name -> workload class, imported only when asked for.

The names of the shipped workloads, third-party ones (entry-point group `hpcml.workloads`), and workloads
given as `file.py:Class` or `package.module:Class`.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import inspect
import sys
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpcml.errors import HpcmlError, MissingExtra, UsageError, nearest
from hpcml.user_code import describe_exception
from hpcml.workload import Workload

BUILTIN: dict[str, str] = {
    "jets.synthetic": "hpcml.workloads.jets.steps.synthetic:SyntheticEvents",
    "jets.images": "hpcml.workloads.jets.steps.images:JetImages",
    "jets.moments": "hpcml.workloads.jets.steps.moments:ImageMoments",
    "jets.project": "hpcml.workloads.jets.steps.project:ProjectedEvents",
    "jets.agreement": "hpcml.workloads.jets.steps.agreement:Agreement",
    "jets.scan": "hpcml.workloads.jets.steps.scan:ClusterScan",
    "jets.evaluate": "hpcml.workloads.jets.steps.evaluate:EvaluateCounts",
    "jets.rebin": "hpcml.workloads.jets.steps.rebin:Rebinned",
    "jets.toys": "hpcml.workloads.jets.steps.toys:FitToys",
    "jets.significance": "hpcml.workloads.jets.steps.significance:Significances",
    "emulsion.synthetic": "hpcml.workloads.emulsion.steps.synthetic:SyntheticBrick",
    "emulsion.prepare": "hpcml.workloads.emulsion.steps.prepare:PreparedBricks",
    "emulsion.showers": "hpcml.workloads.emulsion.steps.showers:LinkedShowers",
    "emulsion.train": "hpcml.workloads.emulsion.steps.train:TrainedForest",
    "emulsion.folds": "hpcml.workloads.emulsion.steps.folds:CrossValidation",
    "emulsion.apply": "hpcml.workloads.emulsion.steps.apply:AppliedForest",
    "emulsion.compare": "hpcml.workloads.emulsion.steps.compare:ComparedShowers",
    "emulsion.energy": "hpcml.workloads.emulsion.steps.energy:ShowerEnergies",
    "probe": "hpcml.workloads.probe:Probe",
}
# what the engine calls these methods with, besides self
SIGNATURES: dict[str, tuple[str, ...]] = {
    "units": ("inputs",),
    "tables": ("inputs",),
    "open": ("inputs",),
    "process": ("unit", "shared", "ctx"),
    "summarise": ("table",),
    "report": ("table", "earlier"),
}


def known_names() -> list[str]:
    """All names that a job file may use without a colon, sorted."""
    from importlib.metadata import entry_points

    return sorted({*BUILTIN, *(point.name for point in entry_points(group="hpcml.workloads"))})


def load(name: str, base: Path | None = None) -> type[Workload]:
    """The workload class called `name`; `base` is where relative `file.py:Class` paths start."""
    target = BUILTIN.get(name) or (name if ":" in name else _entry_point(name))
    if not target:
        hint = nearest(name, known_names()) or "`hpcml workloads` lists the known ones"
        raise UsageError(f"unknown workload {name!r}", hint)
    where, _, attribute = target.rpartition(":")
    try:
        module = _from_file(where, base) if where.endswith(".py") else importlib.import_module(where)
    except ModuleNotFoundError as error:
        family = _family(name)
        missing = error.name or str(error)
        hint = f"pip install 'hpcml[{family.EXTRA}]'" if family else "is it on PYTHONPATH?"
        raise MissingExtra(f"workload {name!r} needs the module {missing!r}", hint) from error
    except HpcmlError:
        raise
    except (Exception, SystemExit) as error:  # a file of the user can fail in any way while it is imported
        raise UsageError(f"workload {name!r}: importing it raised {describe_exception(error)}") from error
    try:
        found = getattr(module, attribute)
    except AttributeError:
        public = [item for item in vars(module) if not item.startswith("_")]
        raise UsageError(f"{where} has no class {attribute!r}", nearest(attribute, public)) from None
    if not (isinstance(found, type) and issubclass(found, Workload)):
        raise UsageError(f"{name!r} is not a subclass of hpcml.workload.Workload")
    for word, kind in (("name", str), ("version", int), ("Parameters", type)):
        if not isinstance(getattr(found, word, None), kind):
            raise UsageError(f"workload {name!r}: its class has no `{word}` that is of type {kind.__name__}")
    _check_signatures(name, found)
    return found


def _check_signatures(name: str, found: type[Workload]) -> None:
    """UsageError when a method takes other arguments than the interface gives, as those of version 1 do."""
    for method, arguments in SIGNATURES.items():
        function = getattr(found, method)
        parameters = inspect.signature(function).parameters
        try:
            inspect.signature(function).bind("self", *arguments)
            fits = "tables" not in parameters
        except TypeError:
            fits = False
        if not fits:
            here, wanted = ", ".join(parameters), ", ".join(("self", *arguments))
            where = f"workload {name!r}: {_file_of(function)}"
            raise UsageError(
                f"{where} has {method}({here}); it must be {method}({wanted})",
                "docs/write-your-own-workload.md describes the methods of a workload",
            )


def _file_of(function: Any) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else "its class"


def modules_of(name: str) -> tuple[str, ...]:
    """Modules that a worker must be able to import for the workload called `name`."""
    where = (BUILTIN.get(name) or _entry_point(name) or name).rpartition(":")[0]
    own = () if where.endswith(".py") else (where,)
    family = _family(name)
    return (*own, *(family.REQUIRES if family else ()))


def family_packages() -> list[str]:
    """Modules that the extras of all shipped families bring, each once, in the order of the families."""
    names = dict.fromkeys(name.partition(".")[0] for name in BUILTIN)
    families = [family for family in map(_family, names) if family]
    return list(dict.fromkeys(module for family in families for module in family.REQUIRES))


def _family(name: str) -> Any:
    """The package of the shipped family that a workload's name begins with, which states EXTRA and REQUIRES;
    None without one. Importing it imports nothing else."""
    prefix = name.partition(".")[0]
    if ":" in name or not any(known.startswith(f"{prefix}.") for known in BUILTIN):
        return None
    return importlib.import_module(f"hpcml.workloads.{prefix}")


def _entry_point(name: str) -> str:
    from importlib.metadata import entry_points

    for point in entry_points(group="hpcml.workloads"):
        if point.name == name:
            return point.value
    return ""


def _from_file(where: str, base: Path | None) -> object:
    path = (base or Path.cwd()) / where
    if not path.is_file():
        raise UsageError(f"no workload file {str(path)!r}", "the path starts at the job file's folder")
    key = f"hpcml_workload_{path.stem}"
    spec = importlib.util.spec_from_file_location(key, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[key] = module
    spec.loader.exec_module(module)
    return module


def make_parameters(kind: Any, value: Any) -> Any:
    """JSON value -> the type a parameter was declared with: lists become tuples, mappings dataclasses."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(value, Mapping):
        hints = typing.get_type_hints(kind)
        return kind(**{name: make_parameters(hints[name], item) for name, item in value.items()})
    if isinstance(value, list):
        inner = [item for item in typing.get_args(kind) if item is not Ellipsis]
        return tuple(make_parameters(inner[0] if inner else Any, item) for item in value)
    if isinstance(value, Mapping):
        for option in typing.get_args(kind):  # Optional[SomeDataclass]
            if dataclasses.is_dataclass(option):
                return make_parameters(option, value)
    return value
