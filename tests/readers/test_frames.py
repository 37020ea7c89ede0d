"""One table as CSV, pandas HDF5 and plain HDF5: the same columns."""

import h5py
import numpy as np
import pytest

from hpcml.errors import InputError
from hpcml.readers.frames import read_columns

pd = pytest.importorskip("pandas")
ROWS = {"number": np.arange(4), "x": np.array([0.5, -1.25, 3.0, 7.0])}


def write(path, kind):
    frame = pd.DataFrame(ROWS)
    if kind == "pandas":
        pytest.importorskip("tables")
        frame.to_hdf(path, key="df")
    elif kind == "plain":
        with h5py.File(path, "w") as file:
            for name, column in ROWS.items():
                file[name] = column
    else:
        frame.to_csv(path, index=kind == "indexed")


@pytest.mark.parametrize(
    ("kind", "name"), [("pandas", "a.h5"), ("plain", "a.hdf5"), ("csv", "a.csv"), ("indexed", "a.txt")]
)
def test_columns_are_those_that_were_written(tmp_path, kind, name):
    write(tmp_path / name, kind)
    found = read_columns(tmp_path / name)
    assert list(found) == list(ROWS)
    assert all(np.array_equal(found[column], ROWS[column]) for column in ROWS)


@pytest.mark.parametrize("name", ["none.csv", "none.h5"])
def test_files_that_cannot_be_read(tmp_path, name):
    with pytest.raises(InputError, match=f"{name} cannot be read") as caught:
        read_columns(tmp_path / name)
    assert "a CSV file" in caught.value.hint
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=f"{name} cannot be read"):
        read_columns(tmp_path / name)
