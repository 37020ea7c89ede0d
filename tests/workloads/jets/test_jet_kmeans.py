"""k-means: weights equal repeated rows, seeds decide everything, refusals."""

import numpy as np
import pytest

from hpcml import seeds
from hpcml.numerics.bootstrap import multinomial_weights
from hpcml.workloads.jets import kmeans


@pytest.fixture(scope="module")
def jets(simulated):
    return simulated.tables["images"]["image"][:1500].reshape(3000, 1600)


def fit(points, weights, **options):
    defaults = {"k": 10, "algorithm": "lloyd", "batch_size": 512, "seed": 1} | options
    seed, centres = defaults.pop("seed"), defaults.pop("centres", None)
    starts = None if centres is None else centres[None]
    return kmeans.fit(
        kmeans.training(points, weights),
        sample=seeds.stream(seed, "seeding"),
        streams=[seeds.stream(seed, "init")],
        starts=starts,
        **defaults,
    )[0]


def nearest(found, points):
    return kmeans.assign(found.centres[None], points)[:, 0]


def seeding(points, weights, *, k, seed=1):
    jets = kmeans.training(points, weights)
    return kmeans.seed_centres(jets, k=k, streams=[seeds.stream(seed, "init")])[0]


def test_weighted_lloyd_equals_repeated_rows(jets):
    weights = multinomial_weights(seeds.stream(1, "weights", 0), len(jets))
    centres = jets[:: len(jets) // 10][:10].copy()
    kept = weights > 0
    weighted = fit(jets[kept], weights[kept], centres=centres)
    rows = np.repeat(jets, weights, axis=0)
    repeated = fit(rows, np.ones(len(rows), np.uint16), centres=centres)
    difference = np.abs(weighted.centres - repeated.centres).max()
    assert difference < 1e-6
    assert np.array_equal(nearest(weighted, jets), nearest(repeated, jets))
    assert weighted.inertia == pytest.approx(repeated.inertia, rel=1e-6)


@pytest.mark.parametrize("algorithm", ["lloyd", "minibatch"])
def test_equal_seeds_give_equal_centres(jets, algorithm):
    weights = np.ones(500, np.uint16)
    first, again, other = (fit(jets[:500], weights, algorithm=algorithm, seed=s) for s in (3, 3, 4))
    assert np.array_equal(first.centres, again.centres)
    assert first.inertia == again.inertia
    assert not np.array_equal(first.centres, other.centres)


def test_inertia_is_the_mean_squared_distance(jets):
    weights = np.arange(400, dtype=np.uint16) % 3 + 1
    found = fit(jets[:400], weights)
    labels = nearest(found, jets[:400])
    squared = ((jets[:400].astype(float) - found.centres[labels]) ** 2).sum(axis=1)
    assert found.inertia == pytest.approx(np.average(squared, weights=weights), rel=1e-5)


def test_rows_of_a_mapped_sample(jets):
    images = jets.reshape(-1, 2, 40, 40)
    found = fit(jets[:400], np.ones(400, np.uint16))
    rows = np.array([0, 5, 700])
    labels = kmeans.assign_rows(found.centres[None], images, rows=rows, jets_per_event=2)
    assert np.array_equal(labels[0], nearest(found, jets).reshape(-1, 2)[rows])
    leading = kmeans.assign_rows(found.centres[None], images, rows=rows, jets_per_event=1)
    assert np.array_equal(leading, labels[..., :1])
    none = kmeans.assign_rows(found.centres[None], images, rows=rows[:0], jets_per_event=2)
    assert none.shape == (1, 0, 2)


def test_the_nearest_centre(jets):
    centres = jets[::300].copy()
    squared = ((jets[:, None, :].astype(float) - centres) ** 2).sum(axis=2)
    label = kmeans.assign(np.stack([centres, centres[::-1]]), jets)
    assert (squared[np.arange(len(jets)), label[:, 0]] <= squared.min(axis=1) + 1e-6).all()
    # fits are labelled together, each with its own centres
    assert (squared[np.arange(len(jets)), 9 - label[:, 1].astype(int)] <= squared.min(axis=1) + 1e-6).all()


@pytest.mark.parametrize("algorithm", ["lloyd", "minibatch"])
def test_initialisations_differ_and_come_back(jets, algorithm):
    training = kmeans.training(jets[:600], np.ones(600, np.uint16))

    def fits(names):
        return kmeans.fit(
            training, k=8, algorithm=algorithm, batch_size=128,
            sample=seeds.stream(1, "seeding"), streams=[seeds.stream(1, "init", i) for i in names],
        )  # fmt: skip

    several, again = fits([0, 1, 2]), fits([2, 0, 1])
    assert len({one.inertia for one in several}) == 3
    # which stream an initialisation has decides, not its place among the others
    assert [one.inertia for one in again] == pytest.approx([several[i].inertia for i in (2, 0, 1)], rel=1e-5)


def test_the_best_of_several_restarts():
    values = [3.0, 1.0, 2.0, 5.0, 5.0, 4.0]
    fits = [kmeans.Fit(np.full((2, 2), n, np.float32), n, value) for n, value in enumerate(values)]
    assert [one.iterations for one in kmeans.best_of(fits, 3)] == [1, 5]
    assert kmeans.best_of(fits, 1) == fits


def test_too_few_training_jets_are_refused(jets):
    with pytest.raises(ValueError, match="widen train_interval"):
        fit(jets[:5], np.ones(5, np.uint16))


def test_seeding_is_as_good_as_that_of_scikit_learn(jets):
    from sklearn.cluster import kmeans_plusplus

    def potential(centres):
        squared = (jets**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1) - 2 * jets @ centres.T
        return float(np.maximum(squared, 0).min(axis=1).sum(dtype=float))

    weights = np.ones(len(jets), np.uint16)
    ours = [potential(seeding(jets, weights, k=20, seed=s)) for s in range(8)]
    theirs = [potential(kmeans_plusplus(jets, 20, random_state=s)[0]) for s in range(8)]
    assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=0.1)


def test_seeding_never_draws_points_of_weight_zero(jets):
    weights = np.zeros(3000, np.uint16)
    weights[:30] = 1
    centres = seeding(jets, weights, k=20)
    assert all((jets[:30] == one).all(axis=1).any() for one in centres)
    assert len(np.unique(centres, axis=0)) == 20


def test_seeding_of_equal_points(jets):
    same = np.repeat(jets[:1], 5, axis=0)
    assert seeding(same, np.ones(5, np.uint16), k=3).shape == (3, 1600)
