"""k-means: weights equal repeated rows, seeds decide everything, refusals."""

import numpy as np
import pytest

from hpcml import seeds
from hpcml.numerics.bootstrap import multinomial_weights
from hpcml.workloads.jet_scanning import kmeans


@pytest.fixture(scope="module")
def jets(simulated):
    return simulated.tables["images"]["image"][:1500].reshape(3000, 1600)


def fit(points, weights, **options):
    defaults = {"k": 10, "algorithm": "lloyd", "batch_size": 512, "seed": 1} | options
    rng = seeds.stream(defaults.pop("seed"), "init")
    return kmeans.fit(points, weights, rng=rng, **defaults)


def test_weighted_lloyd_equals_repeated_rows(jets):
    weights = multinomial_weights(seeds.stream(1, "weights", 0), len(jets))
    centres = jets[:: len(jets) // 10][:10].copy()
    kept = weights > 0
    weighted = fit(jets[kept], weights[kept], centres=centres)
    rows = np.repeat(jets, weights, axis=0)
    repeated = fit(rows, np.ones(len(rows), np.uint16), centres=centres)
    difference = np.abs(weighted.centres - repeated.centres).max()
    assert difference < 1e-6
    assert np.array_equal(kmeans.assign(weighted.centres, jets), kmeans.assign(repeated.centres, jets))
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
    labels = kmeans.assign(found.centres, jets[:400])
    squared = ((jets[:400].astype(float) - found.centres[labels]) ** 2).sum(axis=1)
    assert found.inertia == pytest.approx(np.average(squared, weights=weights), rel=1e-5)


def test_rows_of_a_mapped_sample(jets):
    images = jets.reshape(-1, 2, 40, 40)
    found = fit(jets[:400], np.ones(400, np.uint16))
    rows = np.array([0, 5, 700])
    labels = kmeans.assign_rows(found.centres, images, rows=rows)
    assert np.array_equal(labels, kmeans.assign(found.centres, jets).reshape(-1, 2)[rows])
    assert kmeans.assign_rows(found.centres, images, rows=rows[:0]).shape == (0, 2)


def test_too_few_training_jets_are_refused(jets):
    with pytest.raises(ValueError, match="widen train_interval"):
        fit(jets[:5], np.ones(5, np.uint16))


def test_seeding_is_as_good_as_that_of_scikit_learn(jets):
    from sklearn.cluster import kmeans_plusplus

    def potential(centres):
        squared = (jets**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1) - 2 * jets @ centres.T
        return float(np.maximum(squared, 0).min(axis=1).sum(dtype=float))

    weights = np.ones(len(jets), np.uint16)
    ours = [
        potential(kmeans.seed_centres(jets, weights, k=20, rng=seeds.stream(s, "init"))) for s in range(8)
    ]
    theirs = [potential(kmeans_plusplus(jets, 20, random_state=s)[0]) for s in range(8)]
    assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=0.1)


def test_seeding_never_draws_points_of_weight_zero(jets):
    weights = np.zeros(3000, np.uint16)
    weights[:30] = 1
    centres = kmeans.seed_centres(jets, weights, k=20, rng=seeds.stream(1, "init"))
    assert all((jets[:30] == one).all(axis=1).any() for one in centres)
    assert len(np.unique(centres, axis=0)) == 20


def test_seeding_of_equal_points(jets):
    same = np.repeat(jets[:1], 5, axis=0)
    assert kmeans.seed_centres(same, np.ones(5, np.uint16), k=3, rng=seeds.stream(1, "init")).shape == (
        3,
        1600,
    )
