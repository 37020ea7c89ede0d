"""Toy workloads for the tests of the engine: cheap units with known results, and ways to misbehave.

What `python -m hpcml work` imports in the tests. How a unit behaves (how long, whether it fails, where it
is killed) comes from TOY_* variables of the environment, never from parameters, so that it changes no
fingerprint. Every unit says in TOY_LOG when it began and ended: that log belongs to the toy alone and is
how the tests count computations.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import hpcml.store.recorder
import hpcml.worker.queue
import hpcml.worker.signals
from hpcml.workload import Arrays, Column, Context, Input, InputSpec, Table, Unit, Workload

# the product has no options for these: the toys set them where they are imported
if "TOY_SEAL_BYTES" in os.environ:
    hpcml.store.recorder.SEAL_BYTES = int(os.environ["TOY_SEAL_BYTES"])
if "TOY_WRITE_SECONDS" in os.environ:
    hpcml.store.recorder.WRITE_SECONDS = float(os.environ["TOY_WRITE_SECONDS"])
if "TOY_GRACE" in os.environ:
    hpcml.worker.signals.GRACE = float(os.environ["TOY_GRACE"])


BLOCKED: list[str] = []


def rank_from_environment() -> int:
    """The rank as any workload could find it, which it must not."""
    for name in ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"):
        if name in os.environ:
            return int(os.environ[name])
    return 0


def draw(queue: hpcml.worker.queue.Queue) -> range:
    """An error that is neither a unit's nor the workload's."""
    raise RuntimeError("toy error of the engine")


if os.environ.get("TOY_DRAW_FAILS") == str(rank_from_environment()):
    hpcml.worker.queue.Queue.draw = draw  # type: ignore[method-assign]


def say(word: str, key: str) -> None:
    """One line in the toy's own log, whole or not at all."""
    if path := os.environ.get("TOY_LOG"):
        handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
        os.write(handle, f"{word} {key} {os.getpid()} {time.time():.6f} {rank_from_environment()}\n".encode())
        os.close(handle)


def behave(key: str) -> None:
    """Sleep, fail, block or die, as the environment says for this unit."""
    if sleep := os.environ.get("TOY_SLEEP"):
        low, _, high = sleep.partition("-")
        share = (hash_of(key) % 1000) / 1000
        time.sleep(float(low) + share * (float(high or low) - float(low)))
    for item in os.environ.get("TOY_SLOW", "").split(","):  # key=seconds: in Python, a signal ends it
        name, _, seconds = item.partition("=")
        if name == key:
            end = time.monotonic() + float(seconds)
            while time.monotonic() < end:
                time.sleep(0.05)
    name, _, seconds = os.environ.get("TOY_BLOCK", "").partition("=")  # rank=seconds: in its first unit
    if name == str(rank_from_environment()) and not BLOCKED:
        BLOCKED.append(key)
        ctypes.PyDLL(None).usleep(int(float(seconds) * 1e6))  # in C, holding the interpreter lock
    for item in os.environ.get("TOY_HOG", "").split(","):  # key=megabytes
        name, _, megabytes = item.partition("=")
        if name == key:
            hog(key, int(megabytes))
    if {key, "all"} & set(os.environ.get("TOY_FAIL", "").split(",")):
        raise RuntimeError(f"toy failure of {key}")
    if key == os.environ.get("TOY_KILL"):
        os.kill(os.getpid(), signal.SIGKILL)


def hog(key: str, megabytes: int) -> None:
    """Fill memory: on the first TOY_HOG_TRIES tries until somebody ends it, then for a few seconds."""
    tries = Path(os.environ["TOY_LOG"]).read_text().count(f"begin {key} ")
    filled = bytearray(os.urandom(1)) * (megabytes << 20)
    time.sleep(60 if tries <= int(os.environ.get("TOY_HOG_TRIES", "1")) else 5)
    del filled


def hash_of(key: str) -> int:
    return sum(byte * (index + 1) * 2654435761 for index, byte in enumerate(key.encode())) % (1 << 31)


@dataclass(frozen=True)
class ToyParameters:
    n: int = 24
    scale: float = 1.0
    width: int = 4
    spread_cost: bool = False


class Toy(Workload):
    """All kinds of tables: rows of varying number, a sum, a minimum, a maximum."""

    name = "toy"
    version = int(os.environ.get("TOY_VERSION", "1"))
    Parameters = ToyParameters
    unit_parameters = frozenset({"n"})
    inputs = (InputSpec("data", "a file or an earlier step", required=False),)

    def units(self, inputs: Mapping[str, Input]) -> Iterable[Unit]:
        for number in range(self.parameters.n):
            cost = 1.0 + number % 7 if self.parameters.spread_cost else 1.0
            yield Unit(f"u{number:05d}", {"number": number, "label": f"name-{number % 3}"}, cost)

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        width = (self.parameters.width,)
        return (
            Table(
                "samples",
                (
                    Column("value", "f8", width, unit="GeV", meaning="random numbers of the unit"),
                    Column("label", "S8", meaning="a word"),
                    Column("flag", "?", meaning="value above zero"),
                ),
            ),
            Table("histogram", (Column("counts", "u8", (8,)), Column("weight", "f8")), "sum"),
            Table("least", (Column("value", "f4", (3,)),), "min"),
            Table("largest", (Column("value", "f4", (3,)),), "max"),
        )

    def open(self, inputs: Mapping[str, Input]) -> Any:
        if os.environ.get("TOY_OPEN_FAILS") == str(rank_from_environment()):
            raise RuntimeError("toy cannot open its inputs on this rank")
        return {}

    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Arrays]:
        say("begin", unit.key)
        behave(unit.key)
        result = self.result(unit, ctx)
        say("end", unit.key)
        return result

    def result(self, unit: Unit, ctx: Context) -> dict[str, Arrays]:
        rng = ctx.stream()
        value = self.parameters.scale * rng.normal(size=(int(rng.integers(0, 4)), self.parameters.width))
        if lie := os.environ.get("TOY_LIE"):
            value += float(lie)
        labels = np.array([unit.text("label").encode()] * len(value), "S8")
        return {
            "samples": {"value": value, "label": labels, "flag": value[:, 0] > 0},
            "histogram": {
                "counts": rng.integers(0, 100, 8).astype("u8"),
                "weight": np.asarray(rng.normal() * 1e10 ** rng.integers(-1, 2)),
            },
            "least": {"value": rng.normal(size=3).astype("f4")},
            "largest": {"value": rng.normal(size=3).astype("f4")},
        }


class RankDependent(Toy):
    """A workload that does what none may do."""

    name = "rank-dependent"

    def result(self, unit: Unit, ctx: Context) -> dict[str, Arrays]:
        result = super().result(unit, ctx)
        return {**result, "least": {"value": np.full(3, -rank_from_environment(), "f4")}}


class Plain(Toy):
    """One table of one fixed row a unit: `width` float64."""

    name = "plain"

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return (Table("rows", (Column("value", "f8", (self.parameters.width,)),)),)

    def result(self, unit: Unit, ctx: Context) -> dict[str, Arrays]:
        value = np.full((1, self.parameters.width), unit.number("number"))
        return {"rows": {"value": value * self.parameters.scale}}


class Kept(Toy):
    """Rows stay in the parts; only an index is merged."""

    name = "kept"

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        first, *rest = super().tables(inputs)
        return (Table(first.name, first.columns, materialise=False), *rest)


class Files(Plain):
    """Leaves a file beside its rows, names one outside, and counts its tries in its workspace."""

    name = "files"
    artifacts = ("model",)
    externals = True

    def result(self, unit: Unit, ctx: Context) -> dict[str, Arrays]:
        number = unit.integer("number")
        ctx.artifact("model").write_bytes(b"weights of %d" % (number // 2))
        ctx.external(Path(os.environ["TOY_EXTERNAL"]))
        return super().result(unit, ctx)


class Workspaced(Plain):
    """Dies TOY_DEATHS times in each unit, after leaving a mark in its workspace."""

    name = "workspaced"

    def result(self, unit: Unit, ctx: Context) -> dict[str, Arrays]:
        marks = ctx.workspace / "marks"
        before = marks.read_text() if marks.exists() else ""
        marks.write_text(before + "x")
        if len(before) < int(os.environ.get("TOY_DEATHS", "0")):
            os.kill(os.getpid(), signal.SIGKILL)
        say(f"marks-{len(before)}", unit.key)
        return super().result(unit, ctx)


class Behind(Workload):
    """A second step: one unit, which reads the first step's table in every way there is."""

    name = "behind"
    version = 1
    Parameters = ToyParameters
    inputs = (InputSpec("samples", "a Toy step"),)

    def units(self, inputs: Mapping[str, Input]) -> Iterable[Unit]:
        for number, key in enumerate(inputs["samples"].keys()):
            yield Unit(f"of-{key}", {"number": number})

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return (Table("sums", (Column("total", "f8"), Column("of", "i8"))),)

    def open(self, inputs: Mapping[str, Input]) -> Any:
        table = inputs["samples"]
        return table.array("value", "samples"), table.index("samples"), table.payload("number")

    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Arrays]:
        say("begin", unit.key)
        values, index, numbers = shared
        number = unit.integer("number")
        first, rows = (int(value) for value in index[number])
        total = values[first : first + rows].sum()
        say("end", unit.key)
        return {"sums": {"total": np.array([total]), "of": numbers[number : number + 1]}}

    def summarise(self, table: Input) -> Mapping[str, Any]:
        return {"grand_total": float(table.array("total").sum()), "word": "sum"}
