"""What a job file may set for each workload of cluster scanning, with defaults and bounds.

What lives here: frozen dataclasses and the rules that join two parameters. What does not: reading
YAML (the engine), what parameters do (workload.py and the modules it calls).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from hpcml.workloads.jet_scanning import reprocessing


@dataclass(frozen=True, slots=True)
class SyntheticParameters:
    """background_events, signal_events: which blocks of `block_size` events exist. reprocess: tokens
    of reprocessing.py."""

    background_events: Annotated[int, Ge(0)] = 20_000
    signal_events: Annotated[int, Ge(0)] = 1_000
    block_size: Annotated[int, Ge(1)] = 500
    reprocess: str = reprocessing.DEFAULT

    def __post_init__(self) -> None:
        reprocessing.parse(self.reprocess)


@dataclass(frozen=True, slots=True)
class ImageParameters:
    """block_size: events of a unit. reprocess: tokens of reprocessing.py."""

    block_size: Annotated[int, Ge(1)] = 1_000
    reprocess: str = reprocessing.DEFAULT

    def __post_init__(self) -> None:
        reprocessing.parse(self.reprocess)


@dataclass(frozen=True, slots=True)
class ScanParameters:
    """Masses in GeV, intervals half-open.

    k: clusters. window_steps windows of window_width are spread evenly over evaluation_interval.
    train_interval, train_on_signal: which jets k-means sees. algorithm, batch_size: see kmeans.py.
    threshold: robust deviations that make a cluster signal-rich. fit_parameters: of the dijet
    function, for comparison. injected: signal events added.
    resamplings, initialisations, include_original: which units exist.
    """

    k: Annotated[int, Ge(2), Le(65535)] = 50
    evaluation_interval: tuple[float, float] = (3000.0, 4600.0)
    window_width: Annotated[float, Gt(0)] = 100.0
    window_steps: Annotated[int, Ge(5)] = 16
    train_interval: tuple[float, float] = (3000.0, 3100.0)
    train_on_signal: bool = True
    algorithm: Literal["minibatch", "lloyd"] = "minibatch"
    batch_size: Annotated[int, Ge(1)] = 2048
    threshold: Annotated[float, Gt(0)] = 3.0
    bootstrap: Literal["multinomial", "poisson"] = "multinomial"
    fit_parameters: Literal[3, 4] = 4
    injected: Annotated[int, Ge(0)] = 0
    resamplings: Annotated[int, Ge(0)] = 100
    initialisations: Annotated[int, Ge(1)] = 1
    include_original: bool = True

    def __post_init__(self) -> None:
        for name in ("evaluation_interval", "train_interval"):
            low, high = getattr(self, name)
            # a mass of 0 means `no two jets`: such events must stay outside
            if not 0 < low < high:
                raise ValueError(f"{name} must satisfy 0 < low < high, got {low}, {high}")
        low, high = self.evaluation_interval
        if self.window_width > high - low:
            raise ValueError("window_width is larger than evaluation_interval")
