"""Forests kept in HDF5 files, refused when they are damaged or were trained on other features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hpcml.errors import UsageError
from hpcml.learning.forest import ARRAYS, Forest
from hpcml.numerics.arrayfile import Kind, read_arrays, write_arrays

KIND = Kind("a forest", ARRAYS, ("features",), remedy="train it again")


def write_forest(path: Path, forest: Forest) -> None:
    """Keep a forest. The bytes are a function of the forest alone."""
    arrays = {name: getattr(forest, name) for name in ARRAYS}
    # two classes: one probability per node, as a plain column
    if forest.probability.shape[1] == 1:
        arrays["probability"] = forest.probability[:, 0]
    write_arrays(path, KIND, arrays, {"features": ",".join(forest.features)})


def read_forest(path: Path, *, features: Sequence[str]) -> Forest:
    """The forest that `write_forest` kept.

    UsageError when the file is not a forest or was trained on other `features`; IntegrityError when it is
    damaged.
    """
    arrays, attributes = read_arrays(path, KIND)
    names = tuple(attributes["features"].split(","))
    if names != tuple(features):
        raise UsageError(
            f"{path} was trained on {', '.join(names)}", f"it is asked to predict from {', '.join(features)}"
        )
    if arrays["probability"].ndim == 1:
        arrays["probability"] = arrays["probability"][:, None]
    return Forest(names, **arrays)
