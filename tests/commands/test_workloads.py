"""The description of a workload: parameters of every kind, groups of settings, inputs, columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from hpcml.commands.workloads import describe, purpose
from hpcml.errors import UsageError
from hpcml.workload import Arrays, Column, Context, Input, InputSpec, Table, Unit, Workload


@dataclass(frozen=True)
class Limits:
    low: float = 0.5
    high: float = 2.0


@dataclass(frozen=True)
class Cuts:
    sign: Literal["plus", "minus"] = "plus"
    energy: Limits = field(default_factory=lambda: Limits(high=9.0))


@dataclass(frozen=True)
class AllKinds:
    events: int = 100
    window: tuple[float, float] = (1.0, 2.0)
    names: tuple[str, ...] = ()
    cuts: Cuts = field(default_factory=Cuts)
    title: str = "spectrum"


class Described(Workload):
    """Counts events
    that pass the cuts. A unit is a block of events.

    It is made for this test.
    """

    name = "described"
    version = 3
    Parameters: Any = AllKinds
    unit_parameters = frozenset({"events"})
    report_parameters = frozenset({"title"})
    inputs = (InputSpec("data", "files of events"), InputSpec("weights", "a table", required=False))

    def units(self, inputs: Mapping[str, Input]) -> Iterable[Unit]:
        raise NotImplementedError

    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Arrays]:
        raise NotImplementedError

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        spectrum = Column("energy", "float32", (3, 2), unit="GeV", meaning="of the shower")
        count = Column("count", "uint64")
        total = Column("n", "uint64", meaning="events of all units")
        return (Table("events", (spectrum, count)), Table("all", (total,), "sum"))


def test_every_line() -> None:
    assert list(describe(Described, "described")) == [
        "described (version 3)",
        "  Counts events",
        "  that pass the cuts. A unit is a block of events.",
        "",
        "  It is made for this test.",
        "parameters:",
        "  events: int = 100, lists units",
        "  window: (float, float) = (1.0, 2.0)",
        "  names: (str, ...) = ()",
        "  cuts.sign: 'plus' or 'minus' = 'plus'",
        "  cuts.energy.low: float = 0.5",
        "  cuts.energy.high: float = 9.0",
        "  title: str = 'spectrum', for the report alone",
        "inputs:",
        "  data: files of events",
        "  weights: a table (optional)",
        "table events (rows):",
        "  energy: float32[3][2] GeV  of the shower",
        "  count: uint64",
        "table all (sum):",
        "  n: uint64  events of all units",
    ]


def test_without_values_for_all_parameters_no_columns_are_known() -> None:
    @dataclass(frozen=True)
    class Needs:
        k: int
        block: int = 5

    class Needing(Described):
        """Needs a value."""

        Parameters = Needs
        inputs = ()

    assert list(describe(Needing, "needing"))[2:] == ["parameters:", "  k: int, required", "  block: int = 5"]


def test_columns_that_depend_on_inputs() -> None:
    class FromData(Described):
        """Columns as the data has them."""

        def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
            return (Table("rows", tuple(Column(name, "f8") for name in inputs["data"].payload("names"))),)

    assert list(describe(FromData, "from-data"))[-1] == "tables: the columns depend on the inputs"


def test_parameters_that_are_no_dataclass() -> None:
    class Wrong(Described):
        Parameters = dict

    with pytest.raises(UsageError, match="'wrong': its Parameters is not a dataclass"):
        list(describe(Wrong, "wrong"))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One sentence.", "One sentence."),
        ("One. And another.", "One."),
        ("Over\n    two lines. More.", "Over two lines."),
        ("No full stop\n\n    Details. More.", "No full stop"),
        (None, ""),
    ],
)
def test_purpose_is_the_first_sentence(text: str | None, first: str) -> None:
    assert purpose(type("Some", (Described,), {"__doc__": text})) == first
