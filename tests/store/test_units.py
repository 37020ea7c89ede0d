"""Unit lists and shards (law 2): a partition whatever the costs; numbers that never change."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpcml.errors import PlanConflict, UsageError
from hpcml.store.parts import Identity
from hpcml.store.schema import schema_from_json
from hpcml.store.units import list_units, read_units, shard_bounds, write_units
from hpcml.workload import Unit

IDENTITY = Identity("ab" * 16, "cd" * 16)
SCHEMA = schema_from_json(
    [
        {
            "name": "t", "kind": "rows", "materialise": True,
            "columns": [{"name": "x", "dtype": "<i4", "shape": [], "unit": "", "meaning": ""}],
        }
    ]
)  # fmt: skip
costs = st.lists(
    st.one_of(st.just(0.0), st.floats(0, 1e300, allow_subnormal=True), st.floats(0, 10)), max_size=200
)


@settings(deadline=None)
@given(costs, st.integers(1, 300))
def test_shards_partition_the_units_whatever_they_cost(cost: list[float], shards: int) -> None:
    with np.errstate(all="ignore"):
        bounds = shard_bounds(np.array(cost, "f8"), shards)
    assert len(bounds) == shards + 1
    assert bounds[0] == 0 and bounds[-1] == len(cost)
    assert (np.diff(bounds) >= 0).all()


@settings(deadline=None)
@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=200), st.integers(1, 20))
def test_shards_cost_nearly_the_same(cost: list[float], shards: int) -> None:
    array = np.array(cost)
    bounds = shard_bounds(array, shards)
    sums = [array[a:b].sum() for a, b in itertools.pairwise(bounds)]
    assert max(sums) <= array.sum() / shards + 2 * array.max()


def write(path: Path, units: list[Unit], before: Path | None = None) -> None:
    write_units(
        [path], units, [0] * len(units), identity=IDENTITY, schema=SCHEMA, combinations=[{}], made_from={},
        before=read_units(before) if before else None,
    )  # fmt: skip


keys = st.lists(st.text("abcdefgh", min_size=1, max_size=3), unique=True, max_size=30)


@settings(deadline=None)
@given(keys, keys, st.randoms(use_true_random=False))
def test_numbers_never_change_when_a_list_grows(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], new: list[str], dice: object
) -> None:
    folder = tmp_path_factory.mktemp("units")
    write(folder / "old.h5", [Unit(key, {"place": at}) for at, key in enumerate(old)])
    mixed = [*old, *(key for key in new if key not in old)]
    dice.shuffle(mixed)  # type: ignore[attr-defined]
    write(folder / "new.h5", [Unit(key, {"place": at}) for at, key in enumerate(mixed)], folder / "old.h5")
    before, after = read_units(folder / "old.h5"), read_units(folder / "new.h5")
    assert (
        [after.key(number) for number in range(len(old))] == old == [before.key(n) for n in range(len(old))]
    )
    assert [after.key(number) for number in after.numbers_in_order().tolist()] == mixed
    assert all(after.unit(n).payload["place"] == after.position[n] for n in range(len(mixed)))


def test_a_list_does_not_shrink(tmp_path: Path) -> None:
    write(tmp_path / "old.h5", [Unit("a"), Unit("b")])
    with pytest.raises(PlanConflict, match="'a'"):
        write(tmp_path / "new.h5", [Unit("b"), Unit("c")], tmp_path / "old.h5")


def test_payloads_keep_their_types(tmp_path: Path) -> None:
    payload = {"b": True, "i": -(2**63), "f": 1.5, "s": "ü word"}
    write(tmp_path / "u.h5", [Unit("a", payload, 2.5), Unit("b", {**payload, "f": 2, "s": ""}, 0)])
    units = read_units(tmp_path / "u.h5")
    assert units.unit(0) == Unit("a", payload, 2.5)
    assert {name: type(value) for name, value in units.unit(1).payload.items()} == {
        "b": bool, "i": int, "f": float, "s": str,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("units", "words"),
    [
        ([Unit("a b")], "printable ASCII"),
        ([Unit("")], "printable ASCII"),
        ([Unit("x" * 201)], "printable ASCII"),
        ([Unit("a"), Unit("a")], "duplicate unit key"),
        ([Unit("a", cost=-1.0)], "cost"),
        ([Unit("a", cost=float("nan"))], "cost"),
        ([Unit("a", cost=float("inf"))], "cost"),
    ],
)
def test_wrong_units_are_refused(units: list[Unit], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        list_units([({}, units)])


@pytest.mark.parametrize(
    ("payloads", "words"),
    [
        ([{"x": 1}, {"x": "1"}], "int, str"),
        ([{"x": 1}, {}], "no payload 'x'"),
        ([{"x": 2**70}], "64 bits"),
        ([{"x": None}], "NoneType"),
    ],
)
def test_wrong_payloads_are_refused(tmp_path: Path, payloads: list[dict[str, object]], words: str) -> None:
    units = [Unit(f"u{at}", payload) for at, payload in enumerate(payloads)]  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=words):
        write(tmp_path / "u.h5", units)
