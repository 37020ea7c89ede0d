"""Axes that several figures draw in the same way."""

from __future__ import annotations

from typing import Any


def log_counts(axis: Any) -> None:
    """Make `axis` (`axes.xaxis` or `axes.yaxis`) logarithmic, with ticks at 1, 2 and 5 times powers of ten.

    For counts: ticks are written as plain integers. Most bins hold few values, and powers of ten alone would
    hide that.
    """
    from matplotlib.ticker import LogLocator

    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:,.0f}")
    axis.set_minor_formatter("")
