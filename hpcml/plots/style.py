"""How figures of all workloads look: the style of the field, one palette, an empty canvas."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

BACKGROUND, SIGNAL, INK = "#3b6ea5", "#c8452f", "#333333"
P = ParamSpec("P")
R = TypeVar("R")


@cache
def _style() -> Any:
    import mplhep

    # sizes for a page of several figures; the style's own are for one slide
    sizes = {
        "font.size": 11.0, "axes.titlesize": 12.5, "axes.labelsize": 12.5, "xtick.labelsize": 11.0,
        "ytick.labelsize": 11.0, "legend.fontsize": 10.5, "ytick.major.size": 6.0, "ytick.minor.size": 3.0,
        "axes.autolimit_mode": "data", "axes.labelpad": 5.0, "lines.linewidth": 1.6, "legend.borderpad": 0.4,
        "axes.formatter.use_mathtext": False,
    }  # fmt: skip
    # its mathematical fonts are no more in force when a figure is written: the usual ones then
    style = {key: value for key, value in mplhep.style.ATLAS.items() if not key.startswith("mathtext")}
    return {**style, **sizes}


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """A function that draws a figure, in the style of this package whatever the caller has set."""

    @wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        from matplotlib import rc_context

        with rc_context(_style()):
            return draw(*args, **kwargs)

    return inside


def canvas(width: float, height: float) -> Any:
    """An empty figure of this size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
