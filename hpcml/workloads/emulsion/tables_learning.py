"""The schema of classification and energies.

Names, types, units and meanings of columns.
"""

from __future__ import annotations

from hpcml.workload import Column, Table
from hpcml.workloads.emulsion.learning import FEATURES
from hpcml.workloads.emulsion.tables import FEATURES as MEASURED
from hpcml.workloads.emulsion.tables import KEY, PRIMARY, SHOWER

BRICK = Column("brick", "int32", (), "", "number of the brick")
TRAINED = Column("trained", "uint8", (), "", "1 for showers that the forest was trained on")


def _real(name: str, meaning: str, unit: str = "") -> Column:
    return Column(name, "float64", (), unit, meaning)


def _count(name: str, meaning: str) -> Column:
    return Column(name, "uint32", (), "", meaning)


SPLIT = Table(
    "split",
    (
        SHOWER,
        BRICK,
        Column("id", "int64", (), "", "number of the injector"),
        Column("x", "float32", (), "um", "position of the injector"),
        Column("y", "float32", (), "um", "position of the injector"),
        TRAINED,
    ),
)
BLOCKS = Table(
    "blocks",
    (
        _count("trees", "of this unit"),
        Column("nodes", "uint64", (), "", "of all its trees"),
        Column("rows", "uint64", (), "", "segments that were trained on"),
        Column("signal_rows", "uint64", (), "", "of these, segments of the shower"),
    ),
)
SCORES = (
    *(_count(f"{truth}_{kind}", "rows") for truth, kind in (("true", "negative"), ("false", "positive"))),
    *(_count(f"{truth}_{kind}", "rows") for truth, kind in (("false", "negative"), ("true", "positive"))),
    _real("precision", "of the signal class"),
    _real("recall", "of the signal class"),
    _real("f1", "of the signal class"),
    _real("accuracy", "of all rows"),
    _real("roc_auc", "area under the receiver operating characteristic"),
    _real("pr_auc", "average precision"),
)
FOLDS = Table("folds", (Column("fold", "uint32", (), "", "that was tested"), *SCORES))
PREDICTIONS = Table(
    "predictions",
    (
        SHOWER,
        BRICK,
        *KEY,
        Column("signal", "uint8", (), "", "truth: 1 for simulated base-tracks of this event"),
        *(column for column in MEASURED if column.name in FEATURES),
        _real("score", "mean probability of signal over the trees"),
        Column("predicted", "uint8", (), "", "1 where the score is above the threshold"),
        TRAINED,
    ),
)
SIZES = Table(
    "sizes",
    (
        SHOWER,
        BRICK,
        TRAINED,
        Column("plate", "int32", (), "", "film of the injector"),
        Column("z", "float32", (), "um", "of the injector"),
        _real("theta", "angle of the injector to the beam", "rad"),
        Column("p", "float32", (), "GeV", "true momentum of the injector, -999 for none"),
        PRIMARY,
        _count("true_segments", "simulated base-tracks downstream of the injector"),
        _count("size", "segments predicted to be signal"),
        _count("true_positive", "signal found"),
        _count("false_positive", "background taken for signal"),
        _count("false_negative", "signal taken for background"),
        _count("true_negative", "background known as such"),
    ),
)
ENERGIES = Table(
    "energies",
    (
        SHOWER,
        BRICK,
        TRAINED,
        _count("size", "segments predicted to be signal"),
        Column("selected", "uint8", (), "", "1 for showers that are large enough"),
        Column("sample", "uint8", (), "", "1 to calibrate, 2 for the resolution, 0 no truth or trained on"),
        _real("energy_true", "simulated, NaN where unknown", "GeV"),
        _real("energy", "reconstructed", "GeV"),
        _real("residual", "(energy - energy_true) / energy_true, NaN where unknown"),
    ),
)
LINE = Table(
    "line",
    (
        _real("intercept", "of the calibration", "GeV"),
        _real("slope", "a segment", "GeV"),
        _count("points", "bins of the profile that it was fitted to, 0 for a line that was given"),
    ),
)
PROFILE = Table(
    "profile",
    (
        _real("size", "centre of the bin"),
        _real("energy", "mean true energy", "GeV"),
        _real("error", "of the mean", "GeV"),
        _count("number", "showers"),
    ),
)
RESOLUTION = Table(
    "resolution",
    (
        _real("energy_true", "rounded to a GeV", "GeV"),
        _real("mean", "of the residual, Gaussian fit"),
        _real("width", "of the residual, Gaussian fit"),
        _real("error", "of the width"),
        _count("number", "showers"),
    ),
)
EFFICIENCY = Table(
    "efficiency",
    (
        _count("least", "segments"),
        _real("share", "of showers with at least so many, of those that were not trained on"),
        _real("error", "binomial"),
    ),
)
