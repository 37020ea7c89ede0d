"""Words and colours that figures of cluster scanning share.

Small helpers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpcml.workloads.jets.calibration import Scores


def sweep_colour(place: int, number: int) -> Any:
    """A colour for sweep point `place` of `number`: from orange to dark red."""
    from matplotlib import colormaps

    return colormaps["YlOrRd"](0.45 + 0.5 * place / max(number - 1, 1))


def format_p_value(score: Scores) -> str:
    """p and Z of the first value as text; as bounds where the null is too small to tell."""
    p, z, bound = score.p[0], score.z[0], score.is_bound[0]
    if bound and z > 0:
        return f"p < {_from_z(z):.2g}, Z > {z:.2f}"
    if bound:
        return f"p > {1.0 - _from_z(-z):.2g}, Z < {z:.2f}"
    return f"p = {p:.2g}, Z = {z:.2f}"


def _from_z(z: float) -> float:
    from statistics import NormalDist

    return 1.0 - NormalDist().cdf(z)
