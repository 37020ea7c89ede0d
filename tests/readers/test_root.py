"""Branches of ROOT trees as columns, and the refusals."""

import numpy as np
import pytest

from hpcml.errors import InputError
from hpcml.readers.root import read_branches

uproot = pytest.importorskip("uproot")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    awkward = pytest.importorskip("awkward")
    path = tmp_path_factory.mktemp("root") / "tracks.root"
    with uproot.recreate(path) as file:
        file["tree"] = {
            "number": np.arange(3), "x": np.array([0.5, 1.5, 2.5]),
            "hits": awkward.Array([[1.0, 2.0], [], [3.0]]),
        }  # fmt: skip
    return path


def test_branches_become_columns(path):
    found = read_branches(path, "tree", {"id": "number", "place": "x"})
    assert {name: column.tolist() for name, column in found.items()} == {
        "id": [0, 1, 2],
        "place": [0.5, 1.5, 2.5],
    }


def test_lists_of_entries_are_flattened(path):
    assert read_branches(path, "tree", {"hit": "hits"})["hit"].tolist() == [1.0, 2.0, 3.0]


def test_missing_trees_and_branches_are_answered_with_those_that_are_there(path):
    with pytest.raises(InputError, match="has no tree 'three'") as caught:
        read_branches(path, "three", {})
    assert "tree;1" in caught.value.hint
    with pytest.raises(InputError, match="tree 'tree' has no branch y; it has hits, number, x"):
        read_branches(path, "tree", {"y": "y"})


def test_branches_of_different_lengths(tmp_path):
    awkward = pytest.importorskip("awkward")
    with uproot.recreate(tmp_path / "a.root") as file:
        file["tree"] = {"x": np.arange(2), "hits": awkward.Array([[1.0], [2.0, 3.0]])}
    with pytest.raises(InputError, match=r"branches of different lengths: .'x': 2, 'hit': 3."):
        read_branches(tmp_path / "a.root", "tree", {"x": "x", "hit": "hits"})


def test_a_file_that_is_not_root(tmp_path):
    (tmp_path / "a.root").write_bytes(b"nothing at all, but long enough to be looked at")
    with pytest.raises(InputError, match=r"a\.root cannot be read"):
        read_branches(tmp_path / "a.root", "tree", {})
