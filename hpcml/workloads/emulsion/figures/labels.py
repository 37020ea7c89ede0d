"""How features are labelled, and the ticks of those with a fixed range."""

from __future__ import annotations

from typing import Any

import numpy as np

LABELS = {
    "dtheta": "angle above the injector's [rad]",
    "cone_tan": "tangent of the cone angle",
    "ip_over_dz": "impact parameter / distance",
    "link_dty": "slope difference in y to its predecessor",
}


def show_range(axis: Any, limits: tuple[float, float] | None) -> None:
    """Five ticks within `limits`; the axis as it is without any."""
    if limits:
        axis.set_xticks(np.linspace(-0.2, 0.2, 5))
