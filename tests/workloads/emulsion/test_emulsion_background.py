"""Background: copies of first films, uniform base-tracks, tracks that go on."""

import numpy as np
import pytest

from hpcml.workloads.emulsion import background

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
