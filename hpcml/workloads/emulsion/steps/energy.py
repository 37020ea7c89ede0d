"""Energies of showers: the workload `emulsion.energy`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Lt

from hpcml.errors import UsageError
from hpcml.learning.splits import train_test_groups
from hpcml.numerics.fits import Line, fit_line
from hpcml.workload import Column, Context, Figure, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.emulsion import energy
from hpcml.workloads.emulsion.columns import BRICK, SHOWER, TRAINED, count, one_row, real
from hpcml.workloads.refusals import reported

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.numerics.histograms import Profile

ENERGIES = Table(
    "energies",
    (
        SHOWER,
        BRICK,
        TRAINED,
        count("size", "segments predicted to be signal"),
        Column("selected", "uint8", (), "", "1 for showers that are large enough"),
        Column("sample", "uint8", (), "", "1 to calibrate, 2 for the resolution, 0 no truth or trained on"),
        real("energy_true", "simulated, NaN where unknown", "GeV"),
        real("energy", "reconstructed", "GeV"),
        real("residual", "(energy - energy_true) / energy_true, NaN where unknown"),
    ),
)
LINE = Table(
    "line",
    (
        real("intercept", "of the calibration", "GeV"),
        real("slope", "a segment", "GeV"),
        count("points", "bins of the profile that it was fitted to, 0 for a line that was given"),
    ),
)
PROFILE = Table(
    "profile",
    (
        real("size", "centre of the bin"),
        real("energy", "mean true energy", "GeV"),
        real("error", "of the mean", "GeV"),
        count("number", "showers"),
    ),
)
RESOLUTION = Table(
    "resolution",
    (
        real("energy_true", "rounded to a GeV", "GeV"),
        real("mean", "of the residual, Gaussian fit"),
        real("width", "of the residual, Gaussian fit"),
        real("error", "of the width"),
        count("number", "showers"),
    ),
)
EFFICIENCY = Table(
    "efficiency",
    (
        count("least", "segments"),
        real("share", "of showers with at least so many, of those that were not trained on"),
        real("error", "binomial"),
    ),
)


@dataclass(frozen=True, slots=True)
class EnergyParameters:
    """intercept, slope: GeV and GeV per segment, of the published line; `calibrate` fits them to a share
    `fit_share` of the showers whose true energy is known and that were not trained on; the resolution is that
    of the others. fit_above: segments above which a shower is fitted to, if its injector carries all but 0.1
    GeV. fit_sizes: first and last size of the profile that the line is fitted to. min_size: segments
    from which on a shower has an energy. resolution_energies: GeV, of the curve through the resolutions."""

    calibrate: bool = False
    intercept: float = 0.42
    slope: Annotated[float, Gt(0)] = 0.04
    min_size: Annotated[int, Ge(0)] = 50
    fit_sizes: tuple[int, int] = (50, 180)
    fit_above: Annotated[int, Ge(0)] = 29
    fit_share: Annotated[float, Gt(0), Lt(1)] = 0.5
    resolution_energies: tuple[float, float] = (3.0, 10.0)


class ShowerEnergies(Workload):
    """Calibration, energies, resolution and efficiency of all showers. One unit."""

    name = "emulsion.energy"
    version = 2
    Parameters = EnergyParameters
    inputs = (
        InputSpec("sizes", "a step emulsion.apply", kind="step"),
        InputSpec(
            "calibration",
            "a step emulsion.energy whose line is taken, e.g. of simulation",
            required=False,
            kind="step",
        ),
    )
    parameters: EnergyParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        yield Unit("energies")

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return ENERGIES, LINE, PROFILE, RESOLUTION, EFFICIENCY

    def process(
        self, unit: Unit, shared: Mapping[str, Input], ctx: Context
    ) -> Mapping[str, Mapping[str, Any]]:
        p = self.parameters
        names = ("shower", "brick", "trained", "size")
        copied = dict(zip(names, shared["sizes"].columns("sizes", *names), strict=True))
        size, fresh = copied["size"], copied["trained"] == 0
        injector, primary = (
            momentum.astype(np.float64) for momentum in shared["sizes"].columns("sizes", "p", "primary_p")
        )
        true = energy.true_energy(primary)
        sample = self._samples(np.isfinite(true) & fresh, ctx)
        profiled = energy.began_unradiated(injector, primary) & (size > p.fit_above)
        profiled &= sample == (energy.CALIBRATION if p.calibrate else energy.TEST)
        profile = energy.mean_energies(size[profiled], true[profiled])
        line = self._line(shared, profile)
        reconstructed = energy.reconstructed(size, line)
        residual = energy.residuals(reconstructed, true)
        selected = size >= p.min_size
        tested = selected & (sample == energy.TEST)
        share, error = energy.efficiency(size[fresh], energy.SIZE_THRESHOLDS)
        return {
            "energies": {
                **copied,
                "selected": selected.astype(np.uint8),
                "sample": sample,
                "energy_true": true,
                "energy": reconstructed,
                "residual": residual,
            },
            "line": one_row(LINE, **line._asdict()),
            "profile": {
                "size": profile.centre,
                "energy": profile.mean,
                "error": profile.error,
                "number": profile.number.astype(np.uint32),
            },
            "resolution": energy.resolution_by_energy(residual[tested], true[tested]),
            "efficiency": {
                "least": energy.SIZE_THRESHOLDS.astype(np.uint32),
                "share": share,
                "error": error,
            },
        }

    def summarise(self, table: Input) -> Mapping[str, Any]:
        p = self.parameters
        intercept, slope = table.columns("line", "intercept", "slope")
        widths = table.columns("resolution", "energy_true", "width", "error")
        curve = energy.fit_resolution(*widths, between=p.resolution_energies)
        size, trained, selected, sample, residual = table.columns(
            "energies", "size", "trained", "selected", "sample", "residual"
        )
        found: dict[str, Any] = {}
        peak = energy.fit_residual_peak(residual[(selected == 1) & (sample == energy.TEST)])
        if np.isfinite(peak.width):
            found |= {"resolution": peak.width, "resolution_error": peak.width_error}
            found |= {"bias": peak.mean, "bias_error": peak.mean_error}
        share, error = energy.efficiency(size[trained == 0], np.array([p.min_size]))
        if np.isfinite(share[0]):
            found |= {"efficiency": float(share[0]), "efficiency_error": float(error[0])}
        return found | {
            "intercept": float(intercept[0]),
            "slope": float(slope[0]),
            "resolution_a": curve.a,
            "resolution_b": curve.b,
        }

    def report(self, table: Input, earlier: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.emulsion.figures.energy import energy_figures

        return energy_figures(table, between=self.parameters.resolution_energies)

    def _samples(self, fresh: NDArray[np.bool_], ctx: Context) -> NDArray[np.uint8]:
        """CALIBRATION or TEST for showers with a truth that the forest was not trained on, else NO_SAMPLE: a
        shower that the forest or the line was fitted to looks better than it is."""
        sample = np.where(fresh, energy.TEST, energy.NO_SAMPLE).astype(np.uint8)
        rows = np.flatnonzero(fresh)
        if self.parameters.calibrate and len(rows):
            fitted = train_test_groups(rows, 1.0 - self.parameters.fit_share, ctx.stream("calibration"))
            sample[rows[fitted]] = energy.CALIBRATION
        return sample

    def _line(self, shared: Mapping[str, Input], profile: Profile) -> Line:
        """The line of the parameters, of the input `calibration`, or fitted to this profile."""
        p = self.parameters
        if "calibration" in shared:
            if p.calibrate:
                raise UsageError("calibrate: true and an input `calibration`", "keep one of them")
            intercept, slope = shared["calibration"].columns("line", "intercept", "slope")
            return Line(float(intercept[0]), float(slope[0]), 0)
        if not p.calibrate:
            return Line(p.intercept, p.slope, 0)
        remedy = "simulate more showers and energies, widen fit_sizes, or give intercept and slope"
        with reported("calibrate", remedy):
            return fit_line(profile.centre, profile.mean, profile.error, between=p.fit_sizes)
