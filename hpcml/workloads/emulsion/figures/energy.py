"""Plots of energies: calibration, residuals, resolution, efficiency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.numerics.fits import Line
from hpcml.plots.style import BACKGROUND, INK, SIGNAL, canvas, styled
from hpcml.workload import Figure, Input
from hpcml.workloads.emulsion import energy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]


def energy_figures(table: Input, *, between: tuple[float, float]) -> Iterator[Figure]:
    """The figures of a merged emulsion.energy. between: GeV, of the curve through the resolutions."""
    energies = _columns(
        table, "energies", ("size", "selected", "energy_true", "energy", "residual", "sample", "trained")
    )
    intercept, slope = table.columns("line", "intercept", "slope")
    line = Line(float(intercept[0]), float(slope[0]), 0)
    # the forest knows the others: they look better than they are
    energies = {name: column[energies["trained"] == 0] for name, column in energies.items()}
    yield spectrum(energies)
    profile = _columns(table, "profile", ("size", "energy", "error"))
    if len(profile["size"]):
        yield calibration(energies, profile, line)
        yield residuals(energies)
        resolution = _columns(table, "resolution", ("energy_true", "width", "error"))
        if np.isfinite(resolution["width"]).any():
            yield resolutions(resolution, between)
    yield efficiencies(_columns(table, "efficiency", ("least", "share", "error")))


def _columns(table: Input, name: str, columns: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    return dict(zip(columns, table.columns(name, *columns), strict=True))


@styled
def spectrum(energies: Columns) -> Figure:
    """Reconstructed energies of showers that are large enough."""
    figure = canvas(6.4, 4.4)
    axis = figure.subplots()
    values = energies["energy"][energies["selected"] == 1]
    axis.hist(
        values,
        bins=np.linspace(0.0, max(float(values.max(initial=1.0)) * 1.1, 1.0), 31),
        color=BACKGROUND,
        alpha=0.8,
    )
    axis.set_xlabel("reconstructed energy [GeV]")
    axis.set_ylabel("showers")
    return Figure(
        "energies",
        f"Energies of the {len(values)} showers that are large enough and were not trained on.",
        figure,
    )


@styled
def calibration(energies: Columns, profile: Columns, line: Line) -> Figure:
    """True energy against size: showers, their mean in bins, the line."""
    figure = canvas(6.8, 4.8)
    axis = figure.subplots()
    known = np.isfinite(energies["energy_true"])
    axis.plot(
        energies["size"][known],
        energies["energy_true"][known],
        ".",
        ms=3,
        color=BACKGROUND,
        alpha=0.5,
        label="showers",
    )
    axis.errorbar(
        profile["size"], profile["energy"], profile["error"], fmt="o", ms=4, color=INK, label="mean of a bin"
    )
    reach = np.array([0.0, 1.05 * float(energies["size"].max(initial=1))])
    axis.plot(reach, energy.reconstructed(reach, line), color=SIGNAL,
              label=f"E = {line.intercept:.3g} GeV + {line.slope:.3g} GeV n")  # fmt: skip
    axis.set_xlabel("segments n of a shower")
    axis.set_ylabel("true energy [GeV]")
    axis.set_ylim(0.0, None)
    axis.legend()
    return Figure(
        "calibration", "True energy against size, and the line that turns sizes into energies.", figure
    )


@styled
def residuals(energies: Columns) -> Figure:
    """(E_rec - E_true) / E_true of large showers that nothing was fitted to, 20 bins from -1 to 1, and its
    Gaussian."""
    chosen = (energies["selected"] == 1) & (energies["sample"] == energy.TEST)
    values = energies["residual"][chosen]
    figure = canvas(6.4, 4.4)
    axis = figure.subplots()
    edges = np.linspace(-1.0, 1.0, 21)
    counts, _, _ = axis.hist(values, bins=edges, color=BACKGROUND, alpha=0.8, label=f"{len(values)} showers")
    peak = energy.fit_residual_peak(values, edges)
    if np.isfinite(peak.width) and peak.width > 0:
        x = np.linspace(-energy.RESIDUAL_CORE, energy.RESIDUAL_CORE, 200)
        height = counts.sum() * (edges[1] - edges[0]) / (peak.width * np.sqrt(2 * np.pi))
        curve = height * np.exp(-0.5 * ((x - peak.mean) / peak.width) ** 2)
        axis.plot(x, curve, color=SIGNAL, label=f"Gaussian: {peak.mean:+.3f}, width {peak.width:.3f}")
    axis.set_xlabel("(E_rec − E_true) / E_true")
    axis.set_ylabel("showers")
    axis.legend()
    return Figure("residuals", "Relative error of the energy of showers that nothing was fitted to.", figure)


@styled
def resolutions(resolution: Columns, between: tuple[float, float]) -> Figure:
    """Width of the residual at each energy, and the curve through those with low <= E <= high."""
    figure = canvas(6.4, 4.4)
    axis = figure.subplots()
    axis.errorbar(
        resolution["energy_true"],
        resolution["width"],
        resolution["error"],
        fmt="o",
        color=INK,
        label="Gaussian width",
    )
    found = energy.fit_resolution(
        resolution["energy_true"], resolution["width"], resolution["error"], between=between
    )
    if np.isfinite(found.a):
        inside = np.clip(resolution["energy_true"], *between)
        x = np.linspace(float(inside.min()), float(inside.max()), 200)
        curve = np.sqrt(found.a**2 / x + found.b**2)
        axis.plot(x, curve, color=SIGNAL, label=f"{found.a:.3f} / √E ⊕ {found.b:.3f}")
    axis.set_xlim(0.0, 1.1 * float(resolution["energy_true"].max()))
    axis.set_xlabel("true energy [GeV]")
    axis.set_ylabel("relative resolution")
    axis.set_ylim(0.0, None)
    axis.legend()
    return Figure("resolution", "Relative energy resolution against energy.", figure)


@styled
def efficiencies(efficiency: Columns) -> Figure:
    """Share of showers with at least so many segments."""
    figure = canvas(6.4, 4.4)
    axis = figure.subplots()
    axis.errorbar(efficiency["least"], efficiency["share"], efficiency["error"], fmt="o", color=INK)
    axis.set_xlim(0.0, 1.1 * float(efficiency["least"].max()))
    axis.set_xlabel("least number of segments")
    axis.set_ylabel("share of showers")
    axis.set_ylim(0.0, 1.05)
    return Figure(
        "efficiency", "Share of showers that were not trained on with at least so many segments.", figure
    )
