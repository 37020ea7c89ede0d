"""YAML maps beside input files, and the refusals."""

import pytest

from hpcml.errors import InputError
from hpcml.readers.yaml_map import read_branch_map, read_map


def test_a_map_is_read(tmp_path):
    (tmp_path / "map.yaml").write_text("plates: {0: 1.5}\nmore: x\n")
    assert read_map(tmp_path / "map.yaml", keys=("plates",)) == {"plates": {0: 1.5}, "more": "x"}


def test_branches_are_read(tmp_path):
    (tmp_path / "map.yaml").write_text("tree: t\ncolumns: {x: s_x}\n")
    assert read_branch_map(tmp_path / "map.yaml", known=["x", "y"]) == ("t", {"x": "s_x"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plates: {0: 0", "cannot be read as YAML"),
        ("- 1\n", "must contain the keys tree, columns"),
        ("tree: t\n", "must contain the keys tree, columns"),
        ("tree: t\ncolumns: x\n", "columns must name branches of x, y"),
        ("tree: t\ncolumns: {z: s_z}\n", "columns must name branches of x, y: not z"),
    ],
)
def test_maps_that_are_wrong(tmp_path, text, message):
    path = tmp_path / "map.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=f"map.yaml.*{message}"):
        read_branch_map(path, known=["y", "x"])


def test_a_missing_map(tmp_path):
    with pytest.raises(InputError, match="cannot be read as YAML"):
        read_map(tmp_path / "none.yaml", keys=())
