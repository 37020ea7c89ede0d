"""Trigger turn-on curve with bootstrap errors: efficiency against transverse momentum."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge

from hpcml.workload import Column, InputSpec, Table, Unit, Workload


@dataclass(frozen=True)
class Parameters:
    edges_gev: tuple[float, ...] = (20.0, 25.0, 30.0, 40.0, 60.0, 100.0)
    resamplings: Annotated[int, Ge(1)] = 100


class TurnOn(Workload):
    """Efficiency per bin of pT, for many bootstrap resamplings of the events."""

    name = "turn-on"
    version = 1  # raise it when results change
    Parameters = Parameters
    unit_parameters = frozenset({"resamplings"})  # more resamplings extend a campaign
    inputs = (InputSpec("events", "HDF5 with pt_gev (float64) and passed (bool), one value an event"),)

    def units(self, inputs):
        for number in range(self.parameters.resamplings):
            yield Unit(f"boot-{number:04d}", {"resampling": number})

    def tables(self, inputs):
        bins = (len(self.parameters.edges_gev) - 1,)
        return (
            Table("efficiency", (Column("passed_fraction", "f8", bins, "1", "of the events in the bin"),)),
            Table("sums", (Column("fraction", "f8", bins), Column("square", "f8", bins)), kind="sum"),
        )

    def open(self, inputs):
        import h5py  # heavy imports go where they are used

        with h5py.File(inputs["events"].paths[0]) as file:
            pt, passed = file["pt_gev"][:], file["passed"][:]
        return np.digitize(pt, self.parameters.edges_gev) - 1, passed

    def process(self, unit, shared, ctx):
        place, passed = shared
        # the stream belongs to (campaign seed, step, unit key): the same on any rank, in any order
        weight = ctx.stream().poisson(1.0, len(passed))
        bins = len(self.parameters.edges_gev) - 1
        inside = (place >= 0) & (place < bins)
        every = np.bincount(place[inside], weight[inside], bins)
        good = np.bincount(place[inside & passed], weight[inside & passed], bins)
        fraction = np.divide(good, every, out=np.full(bins, np.nan), where=every > 0)
        return {
            "efficiency": {"passed_fraction": fraction[None]},  # rows tables have a row axis
            "sums": {"fraction": fraction, "square": fraction**2},  # reduced tables have none
        }

    def summarise(self, table):
        fraction = table.array("passed_fraction", "efficiency")
        return {"mean": fraction.mean(axis=0), "error": fraction.std(axis=0, ddof=1)}
