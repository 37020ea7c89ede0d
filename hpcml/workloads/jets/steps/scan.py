"""`jets.scan`: k-means on resamplings, spectra of all clusters, test statistics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt, Le

from hpcml.errors import UsageError
from hpcml.workload import Arrays, Column, Context, Figure, Input, Table, Unit, Workload
from hpcml.workloads.jets import resampling, runs
from hpcml.workloads.jets.columns import count_table, run_columns, statistics_table
from hpcml.workloads.jets.evaluation import EvaluationSettings, evaluate_runs
from hpcml.workloads.jets.event_tables import EVENT_INPUTS, ScanData, open_events
from hpcml.workloads.jets.resampling import ORIGINAL, Bootstrap
from hpcml.workloads.jets.windows import check_interval, check_windows, mass_windows
from hpcml.workloads.refusals import reported

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.numerics.components import Basis
    from hpcml.workloads.jets.kmeans import Fit

HEADLINE = "mls_two_sided"  # the statistic of the paper: what the summary and the null distribution show
TRAINING = Table(
    "training",
    (
        Column("inertia", "float64", (), "", "mean squared distance of training jets to their centre"),
        Column("iterations", "uint32", (), "", "steps of k-means"),
        Column("training_jets", "uint64", (), "", "weighted number of training jets"),
        Column("weight_sum", "uint64", (), "", "weighted number of background events in the file"),
        Column("weight_digest", "uint64", (), "", "xxh3-64 of the weights of all events"),
    ),
)
CENTRES = Table(
    "centres",
    (Column("value", "float32", (), "", "centres of a run, (k, features) in C order, if kept"),),
)
CENTRE_IMAGES = Table(
    "centre_images",
    (Column("value", "float32", (), "", "centres as images, (k, pixels), of the first unit's first run"),),
)


@dataclass(frozen=True, slots=True)
class ScanParameters:
    """Masses in GeV, intervals half-open.

    k: clusters. window_steps windows of window_width are spread evenly over evaluation_interval.
    train_interval, train_on_signal: which jets k-means sees. jets_per_event: 1 for the leading jet alone.
    algorithm, batch_size, restarts: see kmeans.py; of `restarts` fits the best is taken.
    evaluation: see evaluation.py. injected, or signal_fraction of all signal events: how many are added;
    signal_sample: which ones, -1 for other ones in each resampling. idealised: clusters that know nothing
    of the mass, see counting.py. keep_centres: for re-binning without training.
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
    bootstrap: Bootstrap = "multinomial"
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
        resampling.check_injection(self.injected, self.signal_fraction)


class ClusterScan(Workload):
    """k-means on one resampling, spectra of all clusters, test statistics.

    A unit is one resampling of the background with its initialisations of k-means.
    """

    name = "jets.scan"
    version = 3
    Parameters = ScanParameters
    unit_parameters = frozenset({"first_resampling", "resamplings", "initialisations", "include_original"})
    inputs = EVENT_INPUTS
    parameters: ScanParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        p = self.parameters
        original = [ORIGINAL] if p.include_original else []
        for b in [*original, *range(p.first_resampling, p.first_resampling + p.resamplings)]:
            for first in range(0, p.initialisations, p.initialisations_per_unit):
                count = min(p.initialisations_per_unit, p.initialisations - first)
                # `rest` stays: unit keys are part of the content digests of tables
                data_set = "rest" if b == ORIGINAL else f"boot-{b:04d}"
                last = f"-{first + count - 1:02d}" if count > 1 else ""
                payload = {"resampling": b, "initialisation": first, "initialisations": count}
                yield Unit(f"{data_set}-init-{first:02d}{last}", payload, float(count))

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        p = self.parameters
        counted = statistics_table(p.k), count_table(p.window_steps, p.k)
        return (*counted, TRAINING, CENTRES, CENTRE_IMAGES)

    def open(self, inputs: Mapping[str, Input]) -> ScanData:
        p = self.parameters
        windows = mass_windows(p.evaluation_interval, p.window_width, steps=p.window_steps)
        data = open_events(inputs, windows, p.train_interval)
        if not data.background.training.any():
            low, high = p.train_interval
            raise UsageError(
                f"no background event has {low:g} <= m_jj < {high:g} GeV", "change train_interval"
            )
        return data

    def process(self, unit: Unit, shared: ScanData, ctx: Context) -> Mapping[str, Arrays]:
        p = self.parameters
        b, first = unit.integer("resampling"), unit.integer("initialisation")
        numbers = range(first, first + unit.integer("initialisations"))
        with reported():
            background, signal, injected = self._weights(shared, b, ctx)
            fits, training_jets = self._fits(shared, background, signal, b=b, numbers=numbers, ctx=ctx)
            centres = np.stack([fit.centres for fit in fits])
            counted = self._counts(shared, background, signal, centres, b=b, numbers=numbers, ctx=ctx)
            evaluated = evaluate_runs(
                **counted,
                windows=shared.windows,
                how=p.evaluation,
                jets_per_event=p.jets_per_event,
                streams=[ctx.stream("labelling", b, i) for i in numbers],
            )
        size = len(numbers)
        run = run_columns(
            np.full(size, b), np.array(numbers), injected=injected, jets_per_event=p.jets_per_event, **counted
        )
        is_first = b == (ORIGINAL if p.include_original else p.first_resampling) and first == 0
        nothing = np.zeros(0, np.float32)
        return {
            "statistics": run | evaluated,
            "counts": {"window": np.repeat(shared.windows[None], size, axis=0), **counted},
            "training": {
                "inertia": np.array([fit.inertia for fit in fits]),
                "iterations": np.array([fit.iterations for fit in fits], np.uint32),
                "training_jets": np.full(size, training_jets, np.uint64),
                "weight_sum": np.full(size, background.sum(dtype=np.int64), np.uint64),
                "weight_digest": np.full(size, resampling.weight_digest(background, signal), np.uint64),
            },
            "centres": {"value": centres.ravel() if p.keep_centres else nothing},
            "centre_images": {"value": _as_images(centres[0], shared.basis) if is_first else nothing},
        }

    def summarise(self, table: Input) -> Mapping[str, Any]:
        """The statistic `mls_two_sided` for each combination of swept values, in the order of the table."""
        from hpcml.workloads.jets import calibration

        points = calibration.sweep_points(self._runs(table), table.array(HEADLINE, "statistics"))
        return calibration.headline(points, HEADLINE)

    def report(self, table: Input, earlier: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.jets.figures.scan import scan_figures

        return scan_figures(table, self._runs(table), how=self.parameters.evaluation, statistic=HEADLINE)

    def _runs(self, table: Input) -> list[runs.Runs]:
        """The runs of a merged scan; parameters that only decide which units exist tell no runs apart."""
        names = {parameter.name for parameter in fields(self.parameters)} - self.unit_parameters
        return runs.runs_of(table, sorted(names))

    def _weights(
        self, shared: ScanData, b: int, ctx: Context
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint16], int]:
        """Weights of all background and signal events, and how many of the latter are injected.

        The labels ("weights", b) and ("signal", b) are shared by all initialisations and sweep values of `b`.
        """
        p, available = self.parameters, shared.signal.rows.size
        background = resampling.background_weights(
            p.bootstrap, b, shared.background.rows.size, stream=ctx.stream("weights", b)
        )
        injected = resampling.injected_events(p.injected, p.signal_fraction, available)
        sample = b if p.signal_sample < 0 else p.signal_sample
        return (
            background,
            resampling.signal_weights(ctx.stream("signal", sample), available, injected),
            injected,
        )

    def _fits(
        self,
        shared: ScanData,
        background: NDArray[np.uint16],
        signal: NDArray[np.uint16],
        *,
        b: int,
        numbers: range,
        ctx: Context,
    ) -> tuple[list[Fit], int]:
        """One fit for each initialisation, and the weighted number of training jets."""
        from hpcml.workloads.jets import kmeans
        from hpcml.workloads.jets.event_sample import training_jets

        p = self.parameters
        parts = [(shared.background, background)]
        if p.train_on_signal:
            parts.append((shared.signal, signal))
        jets = training_jets(parts, jets_per_event=p.jets_per_event)
        fits = kmeans.fit(
            jets,
            k=p.k,
            algorithm=p.algorithm,
            batch_size=p.batch_size,
            sample=ctx.stream("seeding", b),
            streams=[ctx.stream("init", b, i, restart) for i in numbers for restart in range(p.restarts)],
        )
        return kmeans.best_of(fits, p.restarts), int(jets.weights.sum(dtype=np.int64))

    def _counts(
        self,
        shared: ScanData,
        background: NDArray[np.uint16],
        signal: NDArray[np.uint16],
        centres: NDArray[np.float32],
        *,
        b: int,
        numbers: range,
        ctx: Context,
    ) -> dict[str, NDArray[np.uint32]]:
        """Counts of background and signal jets, uint32 (runs, windows, k) each."""
        from hpcml.workloads.jets.counting import count_sample, idealised_counts

        p = self.parameters
        counted = {
            kind: count_sample(
                sample, weights, centres, windows=shared.windows, jets_per_event=p.jets_per_event
            )
            for kind, sample, weights in (
                ("background", shared.background, background),
                ("signal", shared.signal, signal),
            )
        }
        if p.idealised:
            streams = [ctx.stream("ideal", b, i) for i in numbers]
            counted["background"] = idealised_counts(counted["background"], streams)
        return counted


def _as_images(centres: NDArray[np.float32], basis: Basis | None) -> NDArray[np.float32]:
    """Centres (k, features) of one run as flat images."""
    from hpcml.numerics.components import reconstruct

    return (centres if basis is None else reconstruct(centres, basis)).ravel()
