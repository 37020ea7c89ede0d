"""MergeResult tables: kinds, row counts, compression, kept parts, files beside rows, memory.

What merge, verify and StepTable say of results that are whole.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import toy

from hpcml import seeds
from hpcml.errors import IntegrityError, UsageError
from hpcml.store.frames import Frame
from hpcml.store.parts import write_part
from hpcml.store.sealed import read_header
from hpcml.store.table import StepTable


def expected(n: int = 24) -> list[dict[str, Any]]:
    """What Toy computes, unit after unit, without any engine."""
    found = []
    for number in range(n):
        rng = seeds.stream(7, "toy", f"u{number:05d}")
        value = rng.normal(size=(int(rng.integers(0, 4)), 4))
        counts = rng.integers(0, 100, 8).astype("u8")
        weight = rng.normal() * 1e10 ** rng.integers(-1, 2)
        least, largest = rng.normal(size=3).astype("f4"), rng.normal(size=3).astype("f4")
        found.append({"value": value, "counts": counts, "weight": weight, "least": least, "largest": largest})
    return found


def merged(folder: Path, *steps: Any, **words: Any) -> StepTable:
    opened = toy.computed(folder, *steps, **words)
    toy.merge_here(opened)
    return opened.step("toy").table()


def test_all_kinds_of_tables_hold_what_the_units_returned(tmp_path: Path) -> None:
    table, units = merged(tmp_path), expected()
    values = np.concatenate([unit["value"] for unit in units])
    assert np.array_equal(table.array("value", "samples"), values)
    assert np.array_equal(table.array("flag", "samples"), values[:, 0] > 0)
    rows = [len(unit["value"]) for unit in units]
    assert {0, 1, 2, 3} == set(rows), "units without rows and with several"
    assert table.index("samples").tolist() == [[sum(rows[:at]), rows[at]] for at in range(24)]
    labels = [f"name-{number % 3}".encode() for number in range(24) for _ in range(rows[number])]
    assert table.array("label", "samples").tolist() == labels
    assert np.array_equal(table.array("counts", "histogram"), sum(unit["counts"] for unit in units))
    weight = 0.0
    for unit in units:  # one after the other, in unit order
        weight += unit["weight"]
    assert table.array("weight", "histogram") == weight
    assert np.array_equal(table.array("value", "least"), np.min([unit["least"] for unit in units], axis=0))
    assert np.array_equal(
        table.array("value", "largest"), np.max([unit["largest"] for unit in units], axis=0)
    )


def test_units_carry_payload_and_swept_values(tmp_path: Path) -> None:
    step = toy.step(parameters={"n": 3}, sweep={"scale": [0.5, 2.0], "width": [1, 1]})
    with pytest.raises(Exception, match="twice"):
        toy.planned(tmp_path / "twice", step)
    table = merged(tmp_path, toy.step(parameters={"n": 3}, sweep={"scale": [0.5, 2.0]}))
    assert table.keys() == [f"scale={scale}:u{n:05d}" for scale in ("0.5", "2.0") for n in range(3)]
    assert table.payload("scale").tolist() == [0.5] * 3 + [2.0] * 3
    assert table.payload("number").tolist() == [0, 1, 2] * 2
    assert table.payload("label").tolist() == [b"name-0", b"name-1", b"name-2"] * 2
    frame = table.frame("samples")
    assert list(frame.columns) == ["unit", "scale", "number", "label", "value", "flag"]
    assert len(frame) == len(table.array("value", "samples"))
    with pytest.raises(UsageError, match="no 'numbr'"):
        table.payload("numbr")


def test_a_column_knows_its_unit_and_meaning(tmp_path: Path) -> None:
    """In the table; in the parts where they are all there is."""
    table = merged(tmp_path)
    kept = merged(tmp_path / "kept", toy.step(workload="Kept"))
    (part,) = kept.layout.parts.glob("*.h5")
    for path in (table.paths[0], part):
        with h5py.File(path) as file:
            column = file["samples/value"]
            assert (column.attrs["unit"], column.attrs["meaning"]) == ("GeV", "random numbers of the unit")
    with h5py.File(table.paths[0]) as file:
        assert {"job_file", "versions"} & set(file["provenance"]), sorted(file["provenance"])
        assert "campaign: toys" in "".join(item[()].decode() for item in file["provenance"].values())


@pytest.mark.parametrize("n", [0, 1])
def test_a_step_of_few_or_no_units(tmp_path: Path, n: int) -> None:
    """A sum over nothing is zero; a minimum over nothing does not exist, and is refused in words."""
    step = toy.step(workload="Plain", parameters={"n": n})
    assert merged(tmp_path / "plain", step).array("value").shape == (n, 4)
    opened = toy.computed(tmp_path / "all", toy.step(parameters={"n": n}))
    if n == 0:
        with pytest.raises(IntegrityError, match="min over no units"):
            toy.merge_here(opened)
    else:
        assert toy.merge_here(opened)


@pytest.mark.parametrize("compression", ["gzip", "lzf"])
def test_compression_changes_the_file_and_not_the_digest(tmp_path: Path, compression: str) -> None:
    step = toy.step(workload="Plain", parameters={"n": 50, "width": 2000})
    plain = merged(tmp_path / "plain", step)
    packed = merged(tmp_path / "packed", {**step, "compression": compression})
    assert packed.digests == plain.digests
    assert packed.paths[0].stat().st_size < plain.paths[0].stat().st_size / 3
    assert np.array_equal(packed.array("value"), plain.array("value"))
    assert isinstance(plain.array("value"), np.memmap)
    with h5py.File(packed.paths[0]) as file:
        assert file["rows/value"].compression == compression


# ---------------------------------------------------------------- rows that stay in their parts


def test_kept_parts_are_read_through_the_index(tmp_path: Path) -> None:
    plain = merged(tmp_path / "plain")
    opened = toy.planned(tmp_path / "kept", toy.step(workload="Kept", resources={"shards": 3}))
    for shard in range(3):
        assert toy.work_here(opened, shard=shard) == 0
    toy.merge_here(opened)
    kept = opened.step("toy").table()
    assert kept.digests == plain.digests
    for column in ("value", "label", "flag"):
        assert np.array_equal(kept.array(column, "samples"), plain.array(column, "samples"))
    with h5py.File(kept.paths[0]) as file:
        assert "value" not in file.get("samples", {}), "the rows are not copied"
    toy.verified(opened)


def test_an_absent_part_of_a_kept_table_is_refused_and_computed_again(tmp_path: Path) -> None:
    opened = toy.planned(tmp_path, toy.step(workload="Kept", resources={"shards": 3}))
    for shard in range(3):
        assert toy.work_here(opened, shard=shard) == 0
    digests = toy.merge_here(opened)
    gone = toy.parts(opened)[1]
    gone.unlink()
    with pytest.raises(IntegrityError, match=f"{gone.name} is gone"):
        toy.reopened(opened.step("toy")).table().array("value", "samples")
    assert toy.hpcml("resume", opened.root).code == 0
    assert toy.verified(opened) == {f"toy/{name}": digest for name, digest in digests.items()}


# ---------------------------------------------------------------- files beside the rows


def test_artifacts_and_externals_are_listed_by_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside.root"
    outside.write_bytes(b"events")
    monkeypatch.setenv("TOY_EXTERNAL", str(outside))
    table = merged(tmp_path, toy.step(workload="Files", parameters={"n": 5}))
    assert [(key, name, path.read_bytes()) for key, name, path in table.files()] == [
        (f"u{number:05d}", "model", b"weights of %d" % (number // 2)) for number in range(5)
    ]
    assert len({path for _, _, path in table.files()}) == 3, "equal contents are kept once"
    assert table.array("path", "externals").tolist() == [str(outside).encode()] * 5
    digest = hashlib.sha256(b"events").hexdigest().encode()
    assert table.array("digest", "externals").tolist() == [digest] * 5
    assert table.array("bytes", "externals").tolist() == [6] * 5

    path = table.files()[0][2]
    path.chmod(0o644)
    path.write_bytes(b"weights of X")
    root = tmp_path / "campaign"
    ended = toy.hpcml_here(capsys, "verify", root)
    assert ended.code == 5 and path.name in ended.error()


# ---------------------------------------------------------------- merging again, and large


def test_merging_again_is_free_and_extending_merges_anew(tmp_path: Path) -> None:
    opened = toy.computed(tmp_path)
    first = toy.merge_here(opened)
    path = opened.step("toy").layout.table
    inode = path.stat().st_ino
    assert toy.merge_here(opened) == first
    assert path.stat().st_ino == inode, "not written again"
    larger = toy.planned(tmp_path, toy.step(parameters={"n": 30}))
    assert toy.work_here(larger) == 0
    second = toy.merge_here(larger)
    assert path.stat().st_ino != inode and second != first
    assert len(larger.step("toy").table().keys()) == 30


def test_a_summary_goes_with_its_table(tmp_path: Path) -> None:
    opened = toy.computed(tmp_path, toy.step(), toy.step("behind", "Behind", inputs={"samples": "toy"}))
    toy.merge_here(opened)
    assert toy.work_here(opened, "behind") == 0
    toy.merge_here(opened, "behind")
    summary = opened.step("behind").table().summary()
    total = opened.step("toy").table().array("value", "samples").sum()
    assert summary["word"] in ("sum", b"sum")
    assert summary["grand_total"] == pytest.approx(total)


@pytest.mark.slow
def test_merging_600_MB_of_interleaved_parts_takes_bounded_memory(tmp_path: Path) -> None:
    """16 parts, each holding every 16th unit of 9,600 units of 64 kB: peak below 300 MB, at any size."""
    n, width, count = 9600, 8192, 16
    opened = toy.planned(tmp_path, toy.step(workload="Plain", parameters={"n": n, "width": width}))
    step = opened.step("toy")
    units = step.units()
    for number in range(count):
        ids = np.arange(number, n, count).astype("u4")
        values = np.repeat(ids.astype("f8"), width).reshape(-1, width)
        frame = Frame(ids, {"rows": np.ones(len(ids), "u4")}, {"rows": {"value": values}}, 0.0, 0.0)
        path = step.layout.part(int(ids[0]), int(ids[-1]), len(ids), shard=0, rank=number, token="aa")
        write_part(path, frame, keys=units.keys[ids], schema=units.schema, identity=step.identity(), about={})
    # its own word at its end: what wait4 tells counts the process that started it, too
    script = (
        "import sys; from hpcml.cli.main import _run; code = _run(sys.argv[1:]);"
        "print(open('/proc/self/status').read()); sys.exit(code)"
    )
    process = toy.start([sys.executable, "-c", script, "merge", opened.root])
    ended = toy.finish(process)
    assert ended.code == 0, ended.stderr
    (peak,) = re.findall(r"^VmHWM:\s+(\d+) kB", ended.stdout, re.MULTILINE)
    print(f"\npeak memory of the merge: {int(peak) / 1024:.0f} MiB")
    assert int(peak) < 300e6 / 1024
    table = toy.reopened(step).table()
    assert read_header(table.paths[0]).file_size > n * width * 8
    assert np.array_equal(table.array("value")[:, 17], np.arange(n))
    shutil.rmtree(tmp_path / "campaign")


def test_a_wrong_result_is_a_failure_of_that_unit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Missing and extra columns, other shapes and dtypes, unequal rows: each named."""
    module = tmp_path / "wrong.py"
    module.write_text(WRONG)
    step = {"name": "toy", "workload": "wrong.py:Wrong", "max_attempts": 1}
    opened = toy.planned(tmp_path, step)
    assert toy.work_here(opened) == 3
    ended = toy.hpcml_here(capsys, "units", opened.root, "--json")
    import json

    errors = {unit["unit"]: unit["error"] for unit in json.loads(ended.stdout)}
    assert errors.pop("good") == "" and errors.pop("integers") == "", "a safe conversion is made"
    words = {
        "no-table": "no table 't'", "no-column": "no column 'y'", "extra": "'z' is not in the schema",
        "shape": "shape (2, 4)", "dtype": "dtype complex128", "rows": "has 3 rows, others 2",
        "scalar": "has 1 rows, others 2", "vector": "shape ()",
    }  # fmt: skip
    assert set(errors) == set(words)
    for key, word in words.items():
        assert errors[key].startswith("WrongResult") and word in errors[key], errors[key]


WRONG = """
import numpy as np
from dataclasses import dataclass
from hpcml.workload import Column, Table, Unit, Workload

@dataclass(frozen=True)
class Nothing:
    pass

X, Y = np.zeros((2, 3)), np.zeros(2)
RESULTS = {
    "good": {"t": {"x": X, "y": Y}},
    "integers": {"t": {"x": X.astype("i4"), "y": [1.0, 2.0]}},
    "no-table": {},
    "no-column": {"t": {"x": X}},
    "extra": {"t": {"x": X, "y": Y, "z": Y}},
    "shape": {"t": {"x": np.zeros((2, 4)), "y": Y}},
    "dtype": {"t": {"x": X.astype(complex), "y": Y}},
    "rows": {"t": {"x": X, "y": np.zeros(3)}},
    "scalar": {"t": {"x": X, "y": 1.0}},
    "vector": {"t": {"x": 1.0, "y": 1.0}},
}

class Wrong(Workload):
    name, version, Parameters = "wrong", 1, Nothing

    def units(self, inputs):
        return [Unit(key) for key in RESULTS]

    def tables(self, inputs):
        return (Table("t", (Column("x", "f8", (3,)), Column("y", "f8"))),)

    def process(self, unit, shared, ctx):
        return RESULTS[unit.key]
"""
