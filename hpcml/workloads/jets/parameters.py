"""What a job file may set for the workloads that make and scan jets, with defaults and bounds.

Frozen dataclasses and the rules that join two parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from hpcml.workloads.jets import reprocessing
from hpcml.workloads.jets.evaluation import EvaluationSettings

ImageSize = Annotated[int, Ge(2), Le(400)]
HalfWidth = Annotated[float, Gt(0)]


@dataclass(frozen=True, slots=True)
class SyntheticParameters:
    """background_events, signal_events: which blocks of `block_size` events exist. reprocess: tokens
    of reprocessing.py. image_size, half_width: pixels along one axis, and how far they reach in rad."""

    background_events: Annotated[int, Ge(0)] = 20_000
    signal_events: Annotated[int, Ge(0)] = 1_000
    block_size: Annotated[int, Ge(1)] = 500
    reprocess: str = reprocessing.DEFAULT
    image_size: ImageSize = 40
    half_width: HalfWidth = 0.8

    def __post_init__(self) -> None:
        reprocessing.parse(self.reprocess)


@dataclass(frozen=True, slots=True)
class ImageParameters:
    """layout: what the files hold, see inputs.py. label: of all events, where files carry none, or
    against what they say. block_size: events of a unit. reprocess: tokens of reprocessing.py.
    convention: of the image, see images.py. image_size, half_width: as for simulated events."""

    layout: Literal["lhco", "clustered", "images"] = "lhco"
    label: Literal["file", "background", "signal", "unknown"] = "file"
    block_size: Annotated[int, Ge(1)] = 1_000
    reprocess: str = reprocessing.DEFAULT
    convention: Literal["usual", "original"] = "usual"
    image_size: ImageSize = 40
    half_width: HalfWidth = 0.8

    def __post_init__(self) -> None:
        reprocessing.parse(self.reprocess)


@dataclass(frozen=True, slots=True)
class MomentParameters:
    """block_size: events of a unit. image_size: pixels along one axis of the images that come in."""

    block_size: Annotated[int, Ge(1)] = 20_000
    image_size: ImageSize = 40


@dataclass(frozen=True, slots=True)
class ProjectParameters:
    """components: principal components that are kept. block_size: events of a unit."""

    components: Annotated[int, Ge(1), Le(160_000)] = 128
    block_size: Annotated[int, Ge(1)] = 20_000


@dataclass(frozen=True, slots=True)
class ScanParameters:
    """Masses in GeV, intervals half-open.

    k: clusters. window_steps windows of window_width are spread evenly over evaluation_interval.
    train_interval, train_on_signal: which jets k-means sees. jets_per_event: 1 for the leading jet alone.
    algorithm, batch_size, restarts: see kmeans.py; of `restarts` fits the best is taken.
    evaluation: see evaluation.py. injected, or signal_fraction of all signal events: how many are added;
    signal_sample: which ones, -1 for other ones in each resampling. idealised: clusters that know nothing
    of the mass, see scanning.py. keep_centres: for re-binning without training.
    first_resampling, resamplings, initialisations, include_original: which units exist; a unit has
    initialisations_per_unit of them.
    """

    k: Annotated[int, Ge(2), Le(65535)] = 50
    evaluation_interval: tuple[float, float] = (3000.0, 4600.0)
    window_width: Annotated[float, Gt(0)] = 100.0
    window_steps: Annotated[int, Ge(5)] = 16
    train_interval: tuple[float, float] = (3000.0, 3100.0)
    train_on_signal: bool = True
    jets_per_event: Literal[1, 2] = 2
    algorithm: Literal["minibatch", "lloyd"] = "minibatch"
    batch_size: Annotated[int, Ge(1)] = 2048
    restarts: Annotated[int, Ge(1)] = 1
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    bootstrap: Literal["multinomial", "poisson"] = "multinomial"
    injected: Annotated[int, Ge(0)] = 0
    signal_fraction: Annotated[float, Ge(0), Le(1)] = 0.0
    signal_sample: Annotated[int, Ge(-1)] = -1
    idealised: bool = False
    keep_centres: bool = False
    first_resampling: Annotated[int, Ge(0)] = 0
    resamplings: Annotated[int, Ge(0)] = 100
    initialisations: Annotated[int, Ge(1)] = 1
    initialisations_per_unit: Annotated[int, Ge(1)] = 15
    include_original: bool = True

    def __post_init__(self) -> None:
        check_windows(self.evaluation_interval, self.window_width)
        check_interval("train_interval", self.train_interval)
        if self.injected and self.signal_fraction:
            raise ValueError("injected and signal_fraction both say how many signal events: set one of them")


def check_interval(name: str, interval: tuple[float, float]) -> None:
    """ValueError unless 0 < low < high."""
    low, high = interval
    # a mass of 0 means `no two jets`: such events must stay outside
    if not 0 < low < high:
        raise ValueError(f"{name} must satisfy 0 < low < high, got {low}, {high}")


def check_windows(interval: tuple[float, float], width: float) -> None:
    """ValueError unless windows of `width` fit into the evaluation interval."""
    check_interval("evaluation_interval", interval)
    if width > interval[1] - interval[0]:
        raise ValueError("window_width is larger than evaluation_interval")
