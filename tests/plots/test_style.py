"""The style of figures holds while one is drawn, and is put back after it."""

import matplotlib as mpl
import pytest

from hpcml.plots.style import canvas, styled


def test_the_style_ends_with_the_drawing():
    before = mpl.rcParams["font.size"]

    @styled
    def draw():
        return mpl.rcParams["font.size"]

    with mpl.rc_context({"font.size": before + 7}):
        assert draw() == 11.0
        assert mpl.rcParams["font.size"] == before + 7


def test_the_style_ends_when_the_drawing_fails():
    before = mpl.rcParams["axes.labelsize"]

    @styled
    def draw():
        raise ValueError("no data")

    with pytest.raises(ValueError, match="no data"):
        draw()
    assert mpl.rcParams["axes.labelsize"] == before


def test_a_canvas_has_its_size_in_inches():
    assert canvas(8.4, 6.0).get_size_inches().tolist() == [8.4, 6.0]
