"""Forests as arrays: the numbers of scikit-learn, the same bytes, refusals."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="forests are trained by scikit-learn")
pytest.importorskip("numba", reason="forests are predicted by a compiled loop")

from hpcml import seeds
from hpcml.errors import IntegrityError, UsageError
from hpcml.learning import forest, forestfile
from hpcml.learning.training import ForestSettings, train_forest

NAMES = ("a", "b", "c", "d")


@pytest.fixture(scope="module", params=[2, 4], ids=["two classes", "four classes"])
def trained(request):
    """A forest of scikit-learn, rows that it has not seen, the same forest as arrays."""
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(1)
    values = rng.normal(size=(3000, 4))
    level = values[:, 0] + values[:, 1] ** 2 + rng.normal(0, 0.5, 3000)
    labels = np.digitize(level, np.quantile(level, np.linspace(0, 1, request.param + 1)[1:-1]))
    model = RandomForestClassifier(30, class_weight="balanced_subsample", random_state=1).fit(values, labels)
    fresh = rng.normal(size=(5003, 4))
    fresh[::7] = np.round(fresh[::7], 1)
    return model, fresh, forest.flatten(model.estimators_, NAMES)


def of_scikit_learn(model, values):
    found = model.predict_proba(values)
    return found[:, 1:] if found.shape[1] == 2 else found


@pytest.mark.parametrize("predict", [forest.predict, forest.predict_numpy])
def test_probabilities_are_those_of_scikit_learn(trained, predict):
    model, fresh, arrays = trained
    expected = of_scikit_learn(model, fresh)
    assert predict(arrays, fresh) == pytest.approx(expected, abs=1e-12)
    assert predict(arrays, fresh[:0]).shape == (0, expected.shape[1])


def test_the_compiled_loop_has_the_bits_of_numpy_for_any_number_of_rows(trained):
    _, fresh, arrays = trained
    expected = forest.predict_numpy(arrays, fresh)
    for rows in (1, 7, 8, 9, len(fresh)):
        assert np.array_equal(forest.predict(arrays, fresh[:rows]), expected[:rows])


def test_values_are_compared_in_single_precision(trained):
    """A value within a rounding of a threshold goes the way that it goes in scikit-learn."""
    model, _, arrays = trained
    thresholds = arrays.threshold[arrays.feature == 0][:200]
    values = np.zeros((400, 4))
    values[:200, 0], values[200:, 0] = np.nextafter(thresholds, -9), np.nextafter(thresholds, 9)
    assert forest.predict(arrays, values) == pytest.approx(of_scikit_learn(model, values), abs=1e-12)


special = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e-300, 3e38, 0.7])


@given(st.lists(st.tuples(special, special, special, special), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_values_that_are_not_finite_go_where_numpy_sends_them(trained, rows):
    values = np.array(rows)
    assert np.array_equal(
        forest.predict(trained[2], values), forest.predict_numpy(trained[2], values), equal_nan=True
    )


def test_a_forest_in_pieces_is_the_complete_one(trained):
    model, fresh, arrays = trained
    pieces = [forest.flatten(model.estimators_[n : n + 10], NAMES) for n in (0, 10, 20)]
    joined = forest.join_forests(pieces)
    assert all(np.array_equal(one, other) for one, other in zip(joined[1:], arrays[1:], strict=True))
    assert np.array_equal(forest.predict(joined, fresh), forest.predict(arrays, fresh))


def test_forests_that_do_not_fit_are_not_joined(trained):
    with pytest.raises(ValueError, match="there is no forest"):
        forest.join_forests([])
    with pytest.raises(ValueError, match="different features or classes"):
        forest.join_forests([trained[2], trained[2]._replace(features=("z",))])
    other = trained[2]._replace(probability=np.zeros((len(trained[2].left), 7)))
    with pytest.raises(ValueError, match="different features or classes"):
        forest.join_forests([trained[2], other])


def test_there_and_back(trained, tmp_path):
    arrays = trained[2]
    for name in ("one.h5", "two.h5"):
        forestfile.write_forest(tmp_path / name, arrays)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()
    back = forestfile.read_forest(tmp_path / "one.h5", features=NAMES)
    assert back.features == NAMES
    assert all(np.array_equal(one, other) for one, other in zip(back[1:], arrays[1:], strict=True))


def test_files_of_other_forests_are_refused(trained, tmp_path):
    path = tmp_path / "forest.h5"
    forestfile.write_forest(path, trained[2])
    with pytest.raises(UsageError, match="was trained on a, b, c, d"):
        forestfile.read_forest(path, features=("a", "b", "d", "c"))
    with h5py.File(path, "r+") as file:
        file["threshold"][3] += 1e-9
    with pytest.raises(IntegrityError, match="damaged"):
        forestfile.read_forest(path, features=NAMES)
    with h5py.File(path, "r+") as file:
        file.attrs["format"] = 2
    with pytest.raises(UsageError, match="has format 2, this version reads 1"):
        forestfile.read_forest(path, features=NAMES)


def grown(labels, stream=0, **changes):
    values = np.random.default_rng(2).normal(size=(len(labels), 4))
    settings = ForestSettings(**{"trees": 3, "depth": 200, **changes})
    rng = seeds.stream(1, "trees", stream)
    return train_forest(values, np.array(labels), features=NAMES, settings=settings, rng=rng)


@pytest.mark.parametrize(
    ("labels", "found"), [([0] * 5, "0"), ([1] * 5, "1"), ([0, 2, 2], "0, 2"), ([], "none")]
)
def test_a_forest_needs_rows_of_every_class(labels, found):
    with pytest.raises(ValueError, match=f"{len(labels)} rows to train on are of class {found} only"):
        grown(np.array(labels, int))


@pytest.mark.parametrize("weights", [None, (1.0, 100.0)])
def test_equal_streams_grow_equal_trees(weights):
    labels = np.random.default_rng(2).integers(0, 2, 400)
    first, again, other = (grown(labels, n, class_weights=weights) for n in (0, 0, 1))
    assert all(np.array_equal(one, two) for one, two in zip(first[1:], again[1:], strict=True))
    assert len(first.left) != len(other.left) or not np.array_equal(first.threshold, other.threshold)


def test_trees_are_no_deeper_than_asked_for():
    labels = np.random.default_rng(2).integers(0, 3, 400)
    stumps = grown(labels, depth=1)
    assert np.diff(np.r_[stumps.first, len(stumps.left)]).max() == 3
    assert stumps.probability.shape[1] == 3
    assert stumps.probability.sum(axis=1) == pytest.approx(1.0)
