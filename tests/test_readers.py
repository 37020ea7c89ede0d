"""Other readers open parts and tables: h5dump of HDF5 1.10, PyTables, pandas, plain h5py."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
import toy


@pytest.fixture(scope="module", params=["none", "gzip"])
def files(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> list[Path]:
    """A part and a table of one step; the table plain or compressed."""
    opened = toy.computed(tmp_path_factory.mktemp("readers"), toy.step(compression=request.param))
    toy.merge_here(opened)
    return [*toy.parts(opened), opened.step("toy").layout.table]


@pytest.fixture(scope="module")
def values(files: list[Path]) -> np.ndarray:  # type: ignore[type-arg]
    with h5py.File(files[1]) as file:
        found: np.ndarray = file["samples/value"][:]  # type: ignore[type-arg]
    assert found.size > 20
    return found


def test_h5dump_of_debian_reads_parts_and_tables(files: list[Path], values: np.ndarray) -> None:  # type: ignore[type-arg]
    h5dump = shutil.which("h5dump")
    if h5dump is None:
        pytest.skip("no h5dump here: apt-get install hdf5-tools")
    version = subprocess.run([h5dump, "--version"], capture_output=True, text=True, timeout=60).stdout
    if not re.search(r"1\.10\.", version):
        pytest.skip(f"h5dump is not of HDF5 1.10: {version.strip()}")
    for path in files:
        everything = subprocess.run([h5dump, path], capture_output=True, text=True, timeout=60)
        assert everything.returncode == 0 and everything.stderr == ""
        assert 'GROUP "samples"' in everything.stdout
        # a part describes its columns only where the table stays in the parts
        assert ("GeV" in everything.stdout) is (path == files[-1])
        column = subprocess.run(
            [h5dump, "-y", "-w", "0", "-m", "%.17g", "-d", "/samples/value", path],
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip
        data = column.split("DATA {")[1].split("}")[0]
        numbers = [float(word) for word in re.findall(r"[-+.\deinf]+", data)]
        assert numbers == values.reshape(-1).tolist()


def test_pytables_reads_parts_and_tables(files: list[Path], values: np.ndarray) -> None:  # type: ignore[type-arg]
    tables = pytest.importorskip("tables")
    for path in files:
        with tables.open_file(path) as file:
            assert np.array_equal(file.root.samples.value[:], values)
            assert path != files[-1] or file.root.samples.value.attrs.unit == "GeV"
            assert [node._v_pathname for node in file.walk_nodes(classname="Array")]


def test_pandas_reads_a_table(files: list[Path], values: np.ndarray) -> None:  # type: ignore[type-arg]
    pd = pytest.importorskip("pandas")
    for path in files:
        with h5py.File(path) as file:
            index = file["index/samples"][:]
            frame = pd.DataFrame(
                {"flag": file["samples/flag"][:], "label": file["samples/label"][:].astype(str)},
                index=pd.Index(
                    np.repeat(file["units/key"][:].astype(str), index[:, 1].astype(int)), name="unit"
                ),
            )
        assert frame["flag"].tolist() == (values[:, 0] > 0).tolist()
        assert set(frame["label"]) == {"name-0", "name-1", "name-2"}
        assert frame.index.is_monotonic_increasing
