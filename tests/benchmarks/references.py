"""The plain tools that hpcml is held against: python -m tests.benchmarks.references NAME N FILE

Each, in a fresh process, computes N no-op units, ends with all of them in one HDF5 file and fsync, and
prints the seconds from the first unit to there (start-up and the first answer of a pool are not in it).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

VALUES = 64
ROWS = 256
BATCH = 64
WORKERS = 2


def compute(number: int) -> tuple[int, Any]:
    return number, np.full(VALUES, number, np.float32)


class Sink:
    """A buffer of 256 rows appended to chunked datasets: what a careful script does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = h5py.File(path, "w", libver=("earliest", "v110"))
        self.values = self.file.create_dataset(
            "value", (0, VALUES), "f4", maxshape=(None, VALUES), chunks=(ROWS, VALUES)
        )
        self.ids = self.file.create_dataset("id", (0,), "i8", maxshape=(None,), chunks=(ROWS,))
        self.buffer = np.empty((ROWS, VALUES), np.float32)
        self.numbers = np.empty(ROWS, np.int64)
        self.used = self.stored = 0

    def add(self, number: int, value: Any) -> None:
        self.buffer[self.used] = value
        self.numbers[self.used] = number
        self.used += 1
        if self.used == ROWS:
            self.flush()

    def flush(self) -> None:
        end = self.stored + self.used
        self.values.resize(end, 0)
        self.ids.resize(end, 0)
        self.values[self.stored : end] = self.buffer[: self.used]
        self.ids[self.stored : end] = self.numbers[: self.used]
        self.stored, self.used = end, 0

    def close(self) -> None:
        self.flush()
        self.file.close()
        handle = os.open(self.path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


@contextmanager
def loop(n: int) -> Iterator[Iterator[tuple[int, Any]]]:
    yield (compute(number) for number in range(n))


@contextmanager
def pool(n: int) -> Iterator[Iterator[tuple[int, Any]]]:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(WORKERS) as executor:
        list(executor.map(compute, range(4 * BATCH), chunksize=BATCH))
        yield executor.map(compute, range(n), chunksize=BATCH)


@contextmanager
def joblib(n: int) -> Iterator[Iterator[tuple[int, Any]]]:
    from joblib import Parallel, delayed  # type: ignore[import-untyped]

    with Parallel(n_jobs=WORKERS, batch_size=BATCH, return_as="generator_unordered") as parallel:
        list(parallel(delayed(compute)(number) for number in range(4 * BATCH)))
        yield parallel(delayed(compute)(number) for number in range(n))


@contextmanager
def dask(n: int) -> Iterator[Iterator[tuple[int, Any]]]:
    from distributed import Client, as_completed

    options: dict[str, Any] = {"threads_per_worker": 1, "dashboard_address": None}
    with Client(n_workers=WORKERS, **options) as client:  # type: ignore[no-untyped-call]
        client.gather(client.map(compute, range(-4, 0)))
        ended = as_completed(client.map(compute, range(n)), with_results=True)  # type: ignore[no-untyped-call]
        yield (found for _, found in ended)


TOOLS: dict[str, Callable[[int], Any]] = {"loop": loop, "pool": pool, "joblib": joblib, "dask": dask}


def main(name: str, n: int, path: Path) -> None:
    with TOOLS[name](n) as results:
        begun = time.perf_counter()
        sink = Sink(path)
        for number, value in results:
            sink.add(number, value)
        sink.close()
        seconds = time.perf_counter() - begun
    with h5py.File(path) as file:
        ids, values = file["id"][...], file["value"][:, -1]
    if not (np.array_equal(np.sort(ids), np.arange(n)) and np.array_equal(values, ids.astype("f4"))):
        raise SystemExit(f"{name}: the result is wrong")
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
