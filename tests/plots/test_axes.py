"""The logarithmic axis of counts: ticks at 1, 2 and 5, written as integers."""

import pytest

from hpcml.plots.axes import log_counts
from hpcml.plots.style import canvas, styled


@pytest.mark.parametrize("name", ["x", "y"])
@styled
def test_ticks_of_counts(name):
    figure = canvas(4, 3)
    axes = figure.subplots()
    axes.set(**{f"{name}lim": (0.6, 3000.0)})
    axis = getattr(axes, f"{name}axis")
    log_counts(axis)
    figure.draw_without_rendering()
    labels = [tick.get_text() for tick in axis.get_ticklabels()]
    assert [label for label in labels if label in ("1", "2", "5", "10", "2,000")] == [
        "1",
        "2",
        "5",
        "10",
        "2,000",
    ]
    other = axes.yaxis if name == "x" else axes.xaxis
    assert other.get_scale() == "linear"
    assert not any(tick.get_text() for tick in axis.get_ticklabels(minor=True))
