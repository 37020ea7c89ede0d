"""Metrics, splits, energies, background copies: by hand."""

import math

import numpy as np
import pytest

from hpcml import seeds
from hpcml.errors import UsageError
from hpcml.workloads.emulsion import background, energy, learning
from hpcml.workloads.emulsion.parameters_learning import TreeSettings


def test_metrics_of_the_published_confusion():
    precision, recall, f1, accuracy = learning.confusion_metrics(584_719, 2_857, 17_384, 21_749)
    assert precision == pytest.approx(0.8839, abs=5e-5)
    assert recall == pytest.approx(0.5558, abs=5e-5)
    assert f1 == pytest.approx(0.6824, abs=5e-5)
    assert accuracy == pytest.approx(0.9677, abs=5e-5)


def test_metrics_of_rows():
    signal = np.array([0, 0, 1, 1, 1])
    found = learning.metrics(signal, np.array([0.1, 0.6, 0.4, 0.7, 0.9]), threshold=0.5)
    assert found[:4] == (1, 1, 1, 2)
    assert found.precision == found.recall == pytest.approx(2 / 3)
    assert found.roc_auc == pytest.approx(5 / 6)
    alone = learning.metrics(np.zeros(3, int), np.zeros(3), threshold=0.5)
    assert alone.precision == alone.recall == alone.f1 == 0
    assert math.isnan(alone.roc_auc)


@pytest.mark.parametrize(("number", "tested"), [(1, 0), (2, 1), (10, 3), (100, 30)])
def test_splits_are_by_shower(number, tested):
    trained = learning.split_showers(number, 0.3, seeds.stream(1, "split"))
    assert (~trained).sum() == tested


def test_folds_are_as_equal_as_can_be():
    folds = learning.folds_of(23, 5, seeds.stream(1, "folds"))
    assert np.bincount(folds).tolist() == [5, 5, 5, 4, 4]
    with pytest.raises(UsageError, match="3 showers cannot be dealt into 5 folds"):
        learning.folds_of(3, 5, seeds.stream(1, "folds"))


@pytest.mark.parametrize(("signal", "message"), [(0, "no signal"), (1, "no background")])
def test_a_forest_needs_both_classes(signal, message):
    with pytest.raises(UsageError, match=message):
        learning.train_forest(
            np.zeros((5, 7)), np.full(5, signal), trees=2, how=TreeSettings(), rng=seeds.stream(1, "trees")
        )


@pytest.mark.parametrize("weights", ["balanced", "signal_100"])
def test_equal_streams_grow_equal_trees(weights):
    rng = np.random.default_rng(2)
    values, signal = rng.normal(size=(400, 7)), rng.integers(0, 2, 400)
    first, again, other = (
        learning.train_forest(
            values, signal, trees=3, how=TreeSettings(weights=weights), rng=seeds.stream(1, "trees", n)
        )
        for n in (0, 0, 1)
    )
    assert all(np.array_equal(one, two) for one, two in zip(first[1:], again[1:], strict=True))
    assert len(first.left) != len(other.left) or not np.array_equal(first.threshold, other.threshold)


PUBLISHED = energy.Line(0.42, 0.04, 0)


def test_energies_by_hand():
    assert energy.reconstructed(np.array([50, 140]), PUBLISHED) == pytest.approx([2.42, 6.02])
    assert pytest.approx(0.00333, abs=1e-5) == (6.02 - 6.0) / 6.0
    share, error = energy.efficiency(np.r_[np.full(30, 100), np.full(90, 49)], np.array([50]))
    assert share[0] == 0.25
    assert error[0] == pytest.approx(0.0395, abs=5e-5)
    assert np.isnan(energy.efficiency(np.zeros(0, int), np.array([50]))).all()


def test_the_line_looks_at_its_range_alone():
    size = np.array([50.0, 100.0, 180.0, 20.0, 250.0])
    energies = np.array([2.42, 4.42, 7.62, 99.0, -5.0])
    line = energy.fit_line(size, energies, between=(50, 180))
    assert (line.intercept, line.slope) == (pytest.approx(0.42, abs=1e-9), pytest.approx(0.04, abs=1e-11))
    assert line.points == 3
    with pytest.raises(ValueError, match="1 points between 150 and 180"):
        energy.fit_line(size, energies, between=(150, 180))


def test_the_profile_of_sizes():
    size = np.array([12, 14, 18, 55, 299, 300, 400])
    found = energy.profile(size, np.array([1.0, 2.0, 3.0, 7.0, 9.0, 50.0, 50.0]))
    assert found.size.tolist() == [15, 55, 295]
    assert found.energy.tolist() == [2, 7, 9]
    assert found.number.tolist() == [3, 1, 1]
    assert found.error[0] == pytest.approx(1 / np.sqrt(3))
    assert len(energy.profile(np.zeros(0, int), np.zeros(0)).size) == 0


def test_peaks_and_resolution():
    rng = np.random.default_rng(3)
    energies, widths = np.array([3.0, 4.0, 6.0, 8.0, 10.0]), []
    for one in energies:
        true = np.sqrt(0.4**2 / one + 0.05**2)
        peak = energy.fit_peak(rng.normal(0.02, true, 4000))
        assert peak.mean == pytest.approx(0.02, abs=0.02)
        assert peak.width == pytest.approx(true, rel=0.06)
        widths.append(peak)
    found = energy.fit_resolution(
        energies,
        np.array([one.width for one in widths]),
        np.array([one.error for one in widths]),
        between=(3.0, 10.0),
    )
    assert found.a == pytest.approx(0.4, abs=0.06)
    assert found.b == pytest.approx(0.05, abs=0.05)


def test_too_little_has_no_peak():
    assert math.isnan(energy.fit_peak(np.array([0.1, 0.1])).width)
    one = (np.array([4.0]), np.array([0.2]), np.array([0.1]))
    assert math.isnan(energy.fit_resolution(*one, between=(3.0, 10.0)).a)


def test_the_resolution_looks_at_its_energies_alone():
    true = np.sqrt(0.4**2 / np.array([1.0, 3.0, 6.0, 10.0, 20.0]) + 0.05**2)
    true[[0, 4]] = 9.0
    found = energy.fit_resolution(
        np.array([1.0, 3.0, 6.0, 10.0, 20.0]), true, np.full(5, 0.01), between=(3.0, 10.0)
    )
    assert (found.a, found.b) == (pytest.approx(0.4), pytest.approx(0.05))


FILM = background.Film(np.array([1000.0]), np.array([2000.0]), np.array([0.1]), np.array([-0.2]))


def test_copies_of_first_films():
    """x, y, tx, ty of the copies of one base-track, for 29 films of four sources."""
    expected = {
        0: (1000, 2000, 0.1, -0.2), 1: (124000, 98000, 0.1, -0.2), 2: (124000, 2000, 0.1, 0.2),
        3: (1000, 98000, -0.1, -0.2), 4: (1000, 2000, -0.1, 0.2), 5: (124000, 2000, -0.1, 0.2),
        6: (1000, 98000, -0.1, 0.2), 28: (124000, 98000, -0.1, 0.2),
    }  # fmt: skip
    films = background.replicated([FILM] * 4, 29)
    assert len(films) == 29
    for film, values in expected.items():
        assert [float(one[0]) for one in films[film]] == pytest.approx(values)
    assert [source for source, _ in background.copies_of(29)] == [0] * 7 + [1] * 7 + [2] * 7 + [3] * 8
    assert not any(np.isnan(one).any() for film in films for one in film)


def test_copies_for_other_numbers_of_films():
    nineteen = background.copies_of(19)
    assert len(nineteen) == 19
    assert [source for source, _ in nineteen] == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4 + [0, 1, 2]
    assert nineteen[16:] == [(0, "tx ty"), (1, "tx ty"), (2, "tx ty")]
    assert background.copies_of(27) == background.copies_of(29)[:27]
    with pytest.raises(ValueError, match="give 29 films, not 57"):
        background.copies_of(57)


@pytest.mark.parametrize("what", [*background.COPIES, background.LAST_COPY])
def test_mirrored_twice_is_the_same(what):
    twice = background.mirrored(background.mirrored(FILM, what), what)
    assert all(one[0] == pytest.approx(other[0]) for one, other in zip(twice, FILM, strict=True))


def test_uniform_background_has_its_density():
    film = background.uniform_film(np.random.default_rng(4), 500, low=(0, 0), high=(40_000, 20_000))
    assert len(film.x) == pytest.approx(500 * 8, abs=5 * np.sqrt(4000))
    assert film.x.max() < 40_000
    assert film.y.max() < 20_000
    assert np.std(film.tx) == pytest.approx(np.sqrt(0.9 * 0.15**2 + 0.1 / 3), rel=0.1)


def through_going(share, films=6, seed=4):
    rng = np.random.default_rng(seed)
    start = background.uniform_film(rng, 500, low=(0, 0), high=(40_000, 20_000))
    found = background.continued(
        rng, start, share, films, pitch=1315.0, errors=(1.0, 0.003), inside=((0, 0), (40_000, 20_000))
    )
    return start, found


def test_background_that_does_not_go_on_is_what_was_drawn():
    start, found = through_going(0.0)
    assert all(np.array_equal(one, other) for one, other in zip(found.film, start, strict=True))
    assert not found.step.any()


def test_background_goes_on_straight():
    start, found = through_going(0.8)
    assert found.step.max() == 5
    first, on = found.step == 0, found.step > 0
    assert np.array_equal(found.film.x[first], start.x)
    foreseen = start.x[found.track] + start.tx[found.track] * 1315 * found.step
    assert np.std((found.film.x - foreseen)[on]) == pytest.approx(1.0, rel=0.1)
    assert np.std((found.film.ty - start.ty[found.track])[on]) == pytest.approx(0.003, rel=0.1)
    # few leave the brick at its sides
    further = np.bincount(found.step)
    assert further[1] / further[0] == pytest.approx(0.8, abs=0.05)
    assert found.film.x.min() >= 0
    assert found.film.y.max() < 20_000
