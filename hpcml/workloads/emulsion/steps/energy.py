"""Energies of showers: the workload `emulsion.energy`.

Which function gets which array.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.errors import UsageError
from hpcml.workload import Arrays, Context, Figure, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.emulsion import energy
from hpcml.workloads.emulsion.learning import split_showers
from hpcml.workloads.emulsion.parameters_learning import EnergyParameters
from hpcml.workloads.emulsion.tables_learning import (
    EFFICIENCY,
    ENERGIES,
    LINE,
    PROFILE,
    RESOLUTION,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE_THRESHOLDS = np.arange(10, 101, 10)
CALIBRATION, REST = 1, 2
MAX_LOSS_GEV = 0.1  # GeV, upstream of the injector


class ShowerEnergies(Workload):
    """Calibration, energies, resolution and efficiency of all showers. One unit."""

    name = "emulsion.energy"
    version = 2
    Parameters = EnergyParameters
    inputs = (
        InputSpec("sizes", "a step emulsion.apply"),
        InputSpec(
            "calibration", "a step emulsion.energy whose line is taken, e.g. of simulation", required=False
        ),
    )
    parameters: EnergyParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        yield Unit("energies")

    def tables(self) -> tuple[Table, ...]:
        return ENERGIES, LINE, PROFILE, RESOLUTION, EFFICIENCY

    def process(self, unit: Unit, shared: Mapping[str, Input], ctx: Context) -> Mapping[str, Arrays]:
        p, table = self.parameters, shared["sizes"]
        size, trained = (np.asarray(table.array(name, "sizes")) for name in ("size", "trained"))
        injector, primary = (
            np.asarray(table.array(name, "sizes")).astype(np.float64) for name in ("p", "primary_p")
        )
        true = np.where(primary > 0, np.sqrt(primary**2 + energy.ELECTRON_MASS**2), np.nan)
        known = np.isfinite(true)
        sample = self._samples(known & (trained == 0), ctx)
        # a shower that begins with less than the primary had tells nothing of its energy
        whole = (injector > primary - MAX_LOSS_GEV) & (size > p.fit_above)
        profiled = whole & (sample == (CALIBRATION if p.calibrate else REST))
        line, found = self._line(shared, size[profiled], true[profiled])
        reconstructed = energy.reconstructed(size, line)
        residual = np.where(known, (reconstructed - true) / np.where(known, true, 1.0), np.nan)
        selected = size >= p.min_size
        told = selected & (sample == REST)
        resolution = _resolution(residual[told], true[told])
        share, error = energy.efficiency(size[trained == 0], SIZE_THRESHOLDS)
        return {
            "energies": {
                **{
                    name: np.asarray(table.array(name, "sizes"))
                    for name in ("shower", "brick", "trained", "size")
                },
                "selected": selected.astype(np.uint8),
                "sample": sample,
                "energy_true": true,
                "energy": reconstructed,
                "residual": residual,
            },
            "line": {
                "intercept": np.array([line.intercept]),
                "slope": np.array([line.slope]),
                "points": np.array([line.points], np.uint32),
            },
            "profile": {**found._asdict(), "number": found.number.astype(np.uint32)},
            "resolution": resolution,
            "efficiency": {"least": SIZE_THRESHOLDS.astype(np.uint32), "share": share, "error": error},
        }

    def summarise(self, tables: Mapping[str, Input]) -> Mapping[str, Any]:
        table = next(iter(tables.values()))
        energies, width, error = (
            np.asarray(table.array(name, "resolution")) for name in ("energy_true", "width", "error")
        )
        curve = energy.fit_resolution(energies, width, error, between=self.parameters.resolution_energies)
        return {
            "intercept": float(table.array("intercept", "line")[0]),
            "slope": float(table.array("slope", "line")[0]),
            "resolution_a": curve.a,
            "resolution_b": curve.b,
        }

    def report(self, tables: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.emulsion.figures.energy import energy_figures

        return energy_figures(list(tables.values())[-1], between=self.parameters.resolution_energies)

    def _samples(self, fresh: NDArray[np.bool_], ctx: Context) -> NDArray[np.uint8]:
        """CALIBRATION or REST for showers with a truth that the forest was not trained on, 0 for others: a
        shower that it knows looks better than it is, and so does one that the line was fitted to."""
        sample = np.where(fresh, REST, 0).astype(np.uint8)
        rows = np.flatnonzero(fresh)
        if self.parameters.calibrate and len(rows):
            fitted = split_showers(len(rows), 1.0 - self.parameters.fit_share, ctx.stream("calibration"))
            sample[rows[fitted]] = CALIBRATION
        return sample

    def _line(
        self, shared: Mapping[str, Input], size: NDArray[np.integer], true: NDArray[np.float64]
    ) -> tuple[energy.Line, energy.Profile]:
        """The line that is asked for, and the profile of these showers."""
        p = self.parameters
        found = energy.profile(size, true)
        if "calibration" in shared:
            if p.calibrate:
                raise UsageError("calibrate: true and an input `calibration`", "keep one of them")
            given = shared["calibration"]
            return energy.Line(
                float(given.array("intercept", "line")[0]), float(given.array("slope", "line")[0]), 0
            ), found
        if not p.calibrate:
            return energy.Line(p.intercept, p.slope, 0), found
        try:
            return energy.fit_line(found.size, found.energy, found.error, between=p.fit_sizes), found
        except ValueError as error:
            raise UsageError(
                f"calibrate: {error}",
                "simulate more showers and energies, widen fit_sizes, or give intercept and slope",
            ) from error


def _resolution(residual: NDArray[np.float64], true: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """The peak of the residuals at each energy, rounded to a GeV: columns of the table `resolution`."""
    rounded = np.rint(true)
    energies = np.unique(rounded)
    own = [residual[rounded == one] for one in energies]
    peaks = [energy.fit_peak(one) for one in own]
    return {
        "energy_true": energies.astype(np.float64),
        "mean": np.array([one.mean for one in peaks], np.float64),
        "width": np.array([one.width for one in peaks], np.float64),
        "error": np.array([one.error for one in peaks], np.float64),
        "number": np.array([len(one) for one in own], np.uint32),
    }
