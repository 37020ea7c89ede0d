"""A log becomes a part: the same in whatever order units were drawn, scattered or sorted in memory."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from hpcml.errors import IntegrityError
from hpcml.store import sealing
from hpcml.store.blocks import SealedReader
from hpcml.store.frames import Frame
from hpcml.store.layout import StepLayout
from hpcml.store.parts import Identity
from hpcml.store.schema import Field, Schema, TableSchema
from hpcml.store.sealing import read_headers, seal_frames

IDENTITY = Identity("ab" * 16, "cd" * 16)
IMAGE = Field("image", np.dtype("<f4"), (3, 5), 60, "", "")
TAG = Field("tag", np.dtype("S3"), (), 3, "", "")
TOTAL = Field("total", np.dtype("<i8"), (), 8, "", "")
SCHEMA = Schema((TableSchema("rows", "rows", True, (IMAGE, TAG)), TableSchema("sums", "sum", True, (TOTAL,))))
KEYS = np.array([b"u%03d" % number for number in range(300)])
PART = {"keys": KEYS, "schema": SCHEMA, "identity": IDENTITY, "about": {"shard": 0, "rank": 1}}


def unit(number: int) -> tuple[int, dict[str, np.ndarray]]:
    """Rows and columns of a unit; every seventh has no rows."""
    rows = 0 if number % 7 == 3 else 1 + number % 4
    image = np.full((rows, 3, 5), number, "<f4") + np.arange(rows, dtype="<f4")[:, None, None] / 8
    return rows, {"image": image, "tag": np.full(rows, b"%03d" % number, "S3"), "total": np.array([number])}


def frame(numbers: list[int]) -> Frame:
    units = [unit(number) for number in numbers]
    rows = {"rows": np.array([n for n, _ in units], "<u4"), "sums": np.ones(len(units), "<u4")}
    columns = {
        table.name: {one.name: np.concatenate([c[one.name] for _, c in units]) for one in table.fields}
        for table in SCHEMA.tables
    }
    return Frame(np.array(numbers, "<u4"), rows, columns, 1.0, 0.5)


ORDERS = {
    "ascending": list(range(0, 300, 2)),
    "a chunk came back": [*range(100), *range(160, 300), *range(100, 160)],
    "at random": np.random.default_rng(1).permutation(300).tolist(),
    "some twice": [*range(90), *range(60, 200), 5, 5],
    "one": [17],
}


def some_bytes(handle: int, pieces: list[np.ndarray], offset: int) -> int:
    """pwritev of a system that takes only a part of what it is given."""
    raw = b"".join(piece.tobytes() for piece in pieces)
    return os.pwrite(handle, raw[: len(raw) // 2 + 1], offset)


@pytest.mark.parametrize("how", ["in memory", "at once", "frame by frame", "in short writes"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_part_holds_units_ascending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, how: str
) -> None:
    monkeypatch.setattr(sealing, "_many_short_runs", lambda *_: how == "in memory")
    if how == "frame by frame":
        monkeypatch.setattr(sealing, "BATCH", 1)
        monkeypatch.setattr(sealing, "MOST_PIECES", 2)
    if how == "in short writes":
        monkeypatch.setattr(os, "pwritev", some_bytes)
    numbers = ORDERS[order]
    frames = [frame(numbers[at : at + 37]) for at in range(0, len(numbers), 37)]
    step = StepLayout(tmp_path / "step")
    seal_frames(step, read_headers(iter(frames)), lambda: iter(frames), **PART)
    (path,) = step.parts.glob("*.h5")
    expected = frame(sorted(set(numbers)))
    with SealedReader(path) as part:
        assert part.about["busy"] == 0.5 * len(frames)
        assert np.array_equal(part.header.ids, expected.ids)
        assert np.array_equal(part.array("units/key"), KEYS[expected.ids])
        for table in SCHEMA.tables:
            assert np.array_equal(part.array(f"index/{table.name}")[:, 1], expected.rows[table.name])
            for one in table.fields:
                found = part.array(f"{table.name}/{one.name}")
                assert np.array_equal(found, expected.columns[table.name][one.name])


def test_short_runs_are_sorted_in_memory_and_long_ones_scattered() -> None:
    rng = np.random.default_rng(2)
    for order, short in ((np.arange(3000), False), (rng.permutation(3000), True)):
        counts = {"rows": np.ones(3000, "<u4"), "sums": np.ones(3000, "<u4")}
        targets = {name: sealing._targets(rows, np.argsort(order)) for name, rows in counts.items()}
        assert sealing._many_short_runs(targets, counts, SCHEMA, 10) is short


def test_a_log_that_lost_its_end_while_it_was_sealed_is_refused(tmp_path: Path) -> None:
    frames = [frame([1, 2]), frame([3, 4])]
    step = StepLayout(tmp_path)
    frame_headers = read_headers(iter(frames))
    with pytest.raises(IntegrityError, match="changed while it was sealed"):
        seal_frames(step, frame_headers, lambda: iter(frames[:1]), **PART)
    assert not list(step.parts.glob("*.h5"))
