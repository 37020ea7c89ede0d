"""Forests as arrays: scikit-learn's numbers, the same bytes, refusals."""

import h5py
import numpy as np
import pytest

pytest.importorskip("sklearn", reason="forests are trained by scikit-learn")
pytest.importorskip("numba", reason="forests are predicted by a compiled loop")

from hpcml.errors import IntegrityError, UsageError
from hpcml.learning import forest

NAMES = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def trained():
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(1)
    values = rng.normal(size=(3000, 4))
    signal = (values[:, 0] + values[:, 1] ** 2 + rng.normal(0, 0.5, 3000) > 0.8).astype(int)
    model = RandomForestClassifier(30, class_weight="balanced_subsample", random_state=1).fit(values, signal)
    fresh = rng.normal(size=(5000, 4))
    fresh[::7] = np.round(fresh[::7], 1)
    return model, fresh, forest.flatten(model.estimators_, NAMES)


@pytest.mark.parametrize("predict", [forest.predict, forest.predict_numpy])
def test_probabilities_are_those_of_scikit_learn(trained, predict):
    model, fresh, arrays = trained
    assert predict(arrays, fresh) == pytest.approx(model.predict_proba(fresh)[:, 1], abs=1e-12)
    assert predict(arrays, fresh[:0]).shape == (0,)


def test_values_are_compared_in_single_precision(trained):
    """A value within a rounding of a threshold goes the way that it goes in scikit-learn."""
    model, _, arrays = trained
    thresholds = arrays.threshold[arrays.feature == 0][:200]
    values = np.zeros((400, 4))
    values[:200, 0], values[200:, 0] = np.nextafter(thresholds, -9), np.nextafter(thresholds, 9)
    assert forest.predict(arrays, values) == pytest.approx(model.predict_proba(values)[:, 1], abs=1e-12)


def test_a_forest_in_pieces_is_the_whole(trained):
    model, fresh, arrays = trained
    pieces = [forest.flatten(model.estimators_[n : n + 10], NAMES) for n in (0, 10, 20)]
    whole = forest.joined(pieces)
    assert all(np.array_equal(one, other) for one, other in zip(whole[1:], arrays[1:], strict=True))
    assert np.array_equal(forest.predict(whole, fresh), forest.predict(arrays, fresh))


def test_there_and_back(trained, tmp_path):
    arrays = trained[2]
    for name in ("one.h5", "two.h5"):
        forest.write_forest(tmp_path / name, arrays)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()
    back = forest.read_forest(tmp_path / "one.h5", features=NAMES)
    assert back.features == NAMES
    assert all(np.array_equal(one, other) for one, other in zip(back[1:], arrays[1:], strict=True))


def test_what_does_not_fit_is_refused(trained, tmp_path):
    path = tmp_path / "forest.h5"
    forest.write_forest(path, trained[2])
    with pytest.raises(UsageError, match="was trained on a, b, c, d"):
        forest.read_forest(path, features=("a", "b", "d", "c"))
    with h5py.File(path, "r+") as file:
        file["threshold"][3] += 1e-9
    with pytest.raises(IntegrityError, match="damaged"):
        forest.read_forest(path, features=NAMES)
    with h5py.File(path, "r+") as file:
        file.attrs["format"] = 2
    with pytest.raises(UsageError, match="has format 2, this version reads 1"):
        forest.read_forest(path, features=NAMES)
    (tmp_path / "none.h5").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="is no forest"):
        forest.read_forest(tmp_path / "none.h5", features=NAMES)
    with pytest.raises(UsageError, match="there is no forest"):
        forest.joined([])
    with pytest.raises(UsageError, match="different features"):
        forest.joined([trained[2], trained[2]._replace(features=("z",))])
