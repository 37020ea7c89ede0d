"""Toy workloads for the tests of what the interface allows: text, columns from data, figures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hpcml.workload import Arrays, Column, Context, Document, Figure, Input, InputSpec, Table, Unit

sys.path.insert(0, str(Path(__file__).parent))  # a worker that loads this file finds its neighbour
from toy_workloads import Behind, Plain, Toy


class Words(Toy):
    """Text of any width: some units have none, one text of the units is far wider than the others."""

    name = "words"

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        columns = (Column("word", "str"), Column("pair", "str", (2,)), Column("number", "i8"))
        return (Table("words", columns),)

    def result(self, unit: Unit, ctx: Context) -> dict[str, Arrays]:
        rng = ctx.stream()
        words = [
            "".join(rng.choice(list("aZ 9\u00b5\u6f22"), rng.integers(0, 9)))
            for _ in range(rng.integers(0, 4))
        ]
        if unit.integer("number") == 17:
            words.append(os.environ.get("TOY_WORD", "wide " * 800))
        pair = np.array([[word[:3], "x"] for word in words], str).reshape(-1, 2)
        return {"words": {"word": words, "pair": pair, "number": np.full(len(words), unit.integer("number"))}}


class ManyWords(Words):
    """20,000 short texts per unit, and one of 800 bytes in all."""

    name = "many-words"

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return (Table("words", (Column("word", "str"),)),)

    def result(self, unit: Unit, ctx: Context) -> dict[str, Arrays]:
        words = np.full(20_000, unit.key, "U800" if unit.integer("number") == 17 else "U8")
        if unit.integer("number") == 17:
            words[0] = "w" * 800
        return {"words": {"word": words}}


class KeptWords(Words):
    """Text that stays in the parts."""

    name = "kept-words"

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        (table,) = super().tables(inputs)
        return (Table(table.name, table.columns, materialise=False),)


class Branches(Plain):
    """One column for each name that stands in a file."""

    name = "branches"
    inputs = (InputSpec("names", "a file of names", kind="files"),)

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return (Table("rows", tuple(Column(name, "f8") for name in self.open(inputs))),)

    def open(self, inputs: Mapping[str, Input]) -> Any:
        return inputs["names"].paths[0].read_text(encoding="utf-8").split()

    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Arrays]:
        return {"rows": dict.fromkeys(shared, unit.number("number"))}


class Drawn(Behind):
    """A second step with a figure."""

    name = "drawn"

    def report(self, table: Input, earlier: Mapping[str, Input]) -> Iterable[Figure]:
        from matplotlib.figure import Figure as Drawing

        caption = f"drawn of {table.rows()} rows, before it: {', '.join(earlier)}"
        return (Figure("nothing", caption, Drawing((1, 1))),)


class Documented(Behind):
    """A second step with documents and no figure; TOY_DOCUMENTS says which names."""

    name = "documented"

    def report(self, table: Input, earlier: Mapping[str, Input]) -> Iterable[Document]:
        for number, name in enumerate(os.environ["TOY_DOCUMENTS"].split(",")):
            yield Document(
                name, f"number {number} of <{table.rows()} rows>", "\u00b5" if number else b"\xff\x00"
            )


LABELS = ("E.trks.lik[:,0]", 'd\'\u00e9t\u00e9 "x"', "number")


class Labelled(Plain):
    """Columns whose values have names, `width` of them; one label is also the name of a payload."""

    name = "labelled"

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        width = self.parameters.width
        labels = (*LABELS, *(f"x{number}" for number in range(3, width)))[:width]
        wide = Column("wide", "f8", (width,), labels=labels)
        deep = Column("deep", "i4", (2, 2), labels=("a", "b"))
        flat = Column("flat", "i4", (2, 2), labels=("p", "q", "r", "s"))
        rows = Table("rows", (Column("bare", "f8", (2,)), wide, deep, flat))
        return (rows, Table("sums", (wide,), "sum"))

    def result(self, unit: Unit, ctx: Context) -> dict[str, Arrays]:
        wide = unit.number("number") + 0.25 * np.arange(self.parameters.width)[np.newaxis]
        deep = np.arange(4, dtype="i4").reshape(1, 2, 2)
        rows = {"bare": wide[:, :2], "wide": wide, "deep": deep, "flat": deep}
        return {"rows": rows, "sums": {"wide": wide[0]}}
