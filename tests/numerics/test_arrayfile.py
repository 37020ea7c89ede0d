"""Array files: there and back, equal bytes for equal content, refusals."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpcml.errors import IntegrityError, UsageError
from hpcml.numerics.arrayfile import Kind, read_arrays, write_arrays

KIND = Kind("a curve", ("x", "y"), ("source",), remedy="measure it again")
PLAIN = Kind("a point", ("x",), (), remedy="measure it again", format=None)


@given(
    x=st.lists(st.floats(allow_nan=False), max_size=9),
    y=st.integers(-9, 9),
    source=st.text("abcÄ,", max_size=9),
)
def test_there_and_back(tmp_path_factory, x, y, source):
    folder = tmp_path_factory.mktemp("arrays")
    arrays = {"x": np.array(x, np.float64), "y": np.int32(y)}
    # in another order and once more: the same bytes
    write_arrays(folder / "one.h5", KIND, arrays, {"source": source})
    write_arrays(folder / "two.h5", KIND, dict(reversed(arrays.items())), {"source": source})
    assert (folder / "one.h5").read_bytes() == (folder / "two.h5").read_bytes()
    back = read_arrays(folder / "one.h5", KIND)
    assert back.attributes == {"source": source}
    assert {name: (array.dtype, array.tolist()) for name, array in back.arrays.items()} == {
        "x": (np.float64, x), "y": (np.int32, y)
    }  # fmt: skip


def test_a_kind_without_format_is_arrays_alone(tmp_path):
    write_arrays(tmp_path / "point.h5", PLAIN, {"x": np.arange(3)})
    with h5py.File(tmp_path / "point.h5") as file:
        assert list(file) == ["x"]
        assert not list(file.attrs)
    assert read_arrays(tmp_path / "point.h5", PLAIN).arrays["x"].tolist() == [0, 1, 2]


def test_what_is_written_must_be_what_the_kind_names(tmp_path):
    for arrays, attributes, message in (
        ({"x": np.zeros(1)}, {"source": ""}, "a curve has the arrays x, y, not x"),
        ({"x": np.zeros(1), "y": np.zeros(1)}, {}, "a curve has the attributes source, not "),
    ):
        with pytest.raises(ValueError, match=message):
            write_arrays(tmp_path / "curve.h5", KIND, arrays, attributes)


def test_other_files_and_damage_are_refused(tmp_path):
    path = tmp_path / "curve.h5"
    write_arrays(path, KIND, {"x": np.arange(3.0), "y": np.arange(3.0)}, {"source": "a"})
    with h5py.File(path, "r+") as file:
        file["y"][1] = 7.0
    with pytest.raises(IntegrityError, match="damaged: its checksum") as caught:
        read_arrays(path, KIND)
    assert caught.value.hint == "measure it again"
    with h5py.File(path, "r+") as file:
        file.attrs["format"] = 9
    with pytest.raises(UsageError, match="has format 9, this version reads 1"):
        read_arrays(path, KIND)
    with h5py.File(path, "r+") as file:
        del file.attrs["format"]
    with pytest.raises(UsageError, match="is not a curve"):
        read_arrays(path, KIND)
    path.write_bytes(b"nothing")
    with pytest.raises(UsageError, match="is not a curve"):
        read_arrays(path, KIND)
