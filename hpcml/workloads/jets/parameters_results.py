"""What a job file may set for the workloads that come after a scan, with defaults and bounds.

Frozen dataclasses and the rules that join two parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from hpcml.workloads.jets.dijet import FitParameters
from hpcml.workloads.jets.evaluation import CALIBRATED, EvaluationSettings
from hpcml.workloads.jets.parameters import check_interval, check_windows


@dataclass(frozen=True, slots=True)
class AgreementParameters:
    """k, batch_size, train_interval: as in a scan. events: about so many beside the training window are
    compared. initialisations: which units exist."""

    k: Annotated[int, Ge(2), Le(65535)] = 50
    batch_size: Annotated[int, Ge(1)] = 2048
    train_interval: tuple[float, float] = (3000.0, 3100.0)
    events: Annotated[int, Ge(1)] = 10_000
    initialisations: Annotated[int, Ge(1)] = 3

    def __post_init__(self) -> None:
        check_interval("train_interval", self.train_interval)


@dataclass(frozen=True, slots=True)
class EvaluateParameters:
    """k: clusters of the scan. evaluation: see evaluation.py. block_size: runs of a unit."""

    k: Annotated[int, Ge(2), Le(65535)] = 50
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    block_size: Annotated[int, Ge(1)] = 500


@dataclass(frozen=True, slots=True)
class RebinParameters:
    """Windows as in a scan, evaluation as in evaluation.py. k, bootstrap, signal_sample: as in it."""

    k: Annotated[int, Ge(2), Le(65535)] = 50
    evaluation_interval: tuple[float, float] = (3000.0, 4600.0)
    window_width: Annotated[float, Gt(0)] = 50.0
    window_steps: Annotated[int, Ge(5)] = 32
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    bootstrap: Literal["multinomial", "poisson"] = "multinomial"
    signal_sample: Annotated[int, Ge(-1)] = -1

    def __post_init__(self) -> None:
        check_windows(self.evaluation_interval, self.window_width)


@dataclass(frozen=True, slots=True)
class ToyParameters:
    """Windows as in a scan. fit_parameters: of the dijet function. injected, or signal_fraction of all signal
    events: how many are added. toys: how many exist, block_size of them in a unit."""

    evaluation_interval: tuple[float, float] = (3000.0, 4600.0)
    window_width: Annotated[float, Gt(0)] = 100.0
    window_steps: Annotated[int, Ge(5)] = 16
    fit_parameters: FitParameters = 4
    injected: Annotated[int, Ge(0)] = 0
    signal_fraction: Annotated[float, Ge(0), Le(1)] = 0.0
    toys: Annotated[int, Ge(1)] = 10_000
    block_size: Annotated[int, Ge(1)] = 1_000

    def __post_init__(self) -> None:
        check_windows(self.evaluation_interval, self.window_width)
        if self.injected and self.signal_fraction:
            raise ValueError("injected and signal_fraction both say how many signal events: set one of them")


@dataclass(frozen=True, slots=True)
class SignificanceParameters:
    """statistics: which ones, a unit each. ensemble: how the initialisations of a resampling become one
    value; `each` keeps every one of them as a value of its own. ensemble_size: that many are taken, 0 for
    as many as every resampling has; resamplings with fewer are left out. crossing: the significance whose
    number of events is asked for."""

    statistics: tuple[str, ...] = ("mls_one_sided", "mls_two_sided")
    ensemble: Literal["mean", "median", "max", "min", "each"] = "mean"
    ensemble_size: Annotated[int, Ge(0)] = 0
    crossing: Annotated[float, Gt(0)] = 3.0

    def __post_init__(self) -> None:
        if not self.statistics or len(set(self.statistics)) < len(self.statistics):
            raise ValueError("statistics must name at least one, each once")
        for name in self.statistics:
            if name not in CALIBRATED:
                raise ValueError(f"unknown statistic {name!r}: choose from {', '.join(CALIBRATED)}")
