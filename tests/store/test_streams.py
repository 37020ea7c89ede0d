"""A column of many parts in unit order: the right bytes by both ways of reading, and no damage unseen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hpcml.errors import IntegrityError
from hpcml.store import parts, streams
from hpcml.store.blocks import SealedReader
from hpcml.store.parts import Identity, write_sealed
from hpcml.store.schema import Field
from hpcml.store.streams import OpenReaders, RowRanges, runs_in_order, windows

IDENTITY = Identity("ab" * 16, "cd" * 16)
WIDE = Field("wide", np.dtype("<f8"), (100,), 800, "", "")
N_PARTS = 5


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks, windows and slabs small enough that every edge is met."""
    monkeypatch.setattr(parts, "BLOCK", 4096)
    monkeypatch.setattr(streams, "STRAIGHT", 10_000)
    monkeypatch.setattr(streams, "WINDOW", 40_000)
    monkeypatch.setattr(streams, "SLAB", 7)
    monkeypatch.setattr(streams, "OPEN_FILES", 2)


def made(folder: Path, rows: int) -> tuple[list[Path], np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    data = np.random.default_rng(5).random((N_PARTS, rows, 100))
    paths = [folder / f"{number}.h5" for number in range(N_PARTS)]
    for path, values in zip(paths, data, strict=True):
        arrays = {"t/before": np.arange(77), "t/wide": values, "t/behind": np.arange(991)}
        write_sealed(path, arrays, ids=np.arange(1), identity=IDENTITY, about={})
    return paths, data


def dealt(rows: int, longest: int, seed: int, *, ascending: bool) -> RowRanges:
    """Units of 0 to `longest` rows, of parts in random turns, in file order or in any order."""
    rng = np.random.default_rng(seed)
    owner, first, count = [], [], []
    for number in range(N_PARTS):
        at = 0
        while at < rows:
            step = min(int(rng.integers(0, longest + 1)), rows - at)
            owner.append(number)
            first.append(at)
            count.append(step)
            at += step
    order = rng.permutation(len(owner))
    if ascending:
        turns = np.array(owner)[order]
        order = np.lexsort((np.arange(len(order)), turns))[np.argsort(np.argsort(turns, kind="stable"))]
    return runs_in_order(np.array(owner)[order], np.array(first)[order], np.array(count)[order])


@pytest.mark.parametrize("longest", [1, 4, 40])
@pytest.mark.parametrize("ascending", [True, False])
def test_windows_hold_the_rows_in_order(tmp_path: Path, longest: int, ascending: bool) -> None:
    paths, data = made(tmp_path, 120)
    for seed in range(5):
        runs = dealt(120, longest, seed, ascending=ascending)
        pool = OpenReaders([SealedReader(path) for path in paths])
        found = b"".join(bytes(window) for window in windows(pool, runs, "t", WIDE))
        sizes = [len(window) // WIDE.width for window in windows(pool, runs, "t", WIDE, multiple=7)]
        pool.close()
        assert all(size % 7 == 0 for size in sizes[:-1]) and sum(sizes) == runs.rows
        expected = np.concatenate(
            [
                data[owner, first : first + count]
                for owner, first, count in zip(runs.owner, runs.source, runs.count, strict=True)
            ]
        )
        assert found == expected.tobytes()


@pytest.mark.parametrize("longest", [1, 40])
def test_no_damage_is_unseen(tmp_path: Path, longest: int) -> None:
    """One flipped byte anywhere in the column, or in the edges of the blocks that it shares."""
    paths, _ = made(tmp_path, 120)
    reader = SealedReader(paths[2])
    extent, header = reader.extent("t/wide"), reader.header
    begin = header.user_block + (extent.offset - header.user_block) // 4096 * 4096
    end = min(header.user_block + -(-(extent.offset + extent.nbytes - header.user_block) // 4096) * 4096,
              header.file_size)  # fmt: skip
    whole = paths[2].read_bytes()
    runs = dealt(120, longest, 1, ascending=True)
    for place in [*range(begin, end, 3001), extent.offset, extent.offset + extent.nbytes - 1, end - 1]:
        paths[2].write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        pool = OpenReaders([SealedReader(path) for path in paths])
        with pytest.raises(IntegrityError, match="damaged between"):
            for _ in windows(pool, runs, "t", WIDE):
                pass
            pool.finish()
        pool.close()
