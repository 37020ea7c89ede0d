"""Colours and texts that several jet figures use."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpcml.workloads.jets.calibration import Scores

TITLES = {
    "mls_two_sided": "maximal local significance  max |R − B| / √B",
    "mls_one_sided": "maximal local significance  max (R − B) / √B",
}


def axis_title(statistic: str) -> str:
    """The formula of a test statistic where it is short, its name elsewhere."""
    return TITLES.get(statistic, statistic.replace("_", " "))


def sweep_colour(position: int, number: int) -> Any:
    """A colour for sweep point `position` of `number`: from orange to dark red."""
    from matplotlib import colormaps

    return colormaps["YlOrRd"](0.45 + 0.5 * position / max(number - 1, 1))


def format_p_value(score: Scores) -> str:
    """p and Z of the first value as text; as bounds where the null is too small to tell."""
    p, z, bound = score.p[0], score.z[0], score.is_bound[0]
    if bound and z > 0:
        return f"p < {_upper_tail(z):.2g}, Z > {z:.2f}"
    if bound:
        return f"p > {1.0 - _upper_tail(-z):.2g}, Z < {z:.2f}"
    return f"p = {p:.2g}, Z = {z:.2f}"


def _upper_tail(z: float) -> float:
    return 1.0 - NormalDist().cdf(z)
