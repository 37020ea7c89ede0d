"""The unit list of a step: which units there are, in which order, and what they carry.

A unit's *number* is its place in the order of first listing and never changes; parts speak of numbers.
Its *position* is its place in the result, and may move when a campaign is extended. Units.h5 (write,
extend, read), shards as sets of numbers.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.errors import PlanConflict, UsageError
from hpcml.store.blocks import SealedReader
from hpcml.store.parts import Identity, write_sealed
from hpcml.store.schema import NAME, Schema, schema_from_json
from hpcml.workload import Scalar, Unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY = re.compile(r"[!-~]{1,200}")
# what Unit.__init__ does, a column at a time: a third of its cost
FILL: tuple[Any, ...] = tuple(vars(Unit)[name].__set__ for name in ("key", "payload", "cost"))
KIND = {bool: "?", int: "<i8", float: "<f8"}


@dataclass(frozen=True, slots=True)
class UnitList:
    """The units of a step, by number.

    keys: (n,) bytes; cost: (n,) float64; position: (n,) int64; combination: (n,) index into the
    sweep's combinations; payload: one (n,) array a name.
    """

    keys: NDArray[np.bytes_]
    cost: NDArray[np.float64]
    position: NDArray[np.int64]
    combination: NDArray[np.int64]
    payload: Mapping[str, NDArray[Any]]
    fingerprint: str
    made_from: Mapping[str, Any]
    schema: Schema
    combinations: Sequence[Mapping[str, Any]]

    def __len__(self) -> int:
        return len(self.keys)

    def key(self, number: int) -> str:
        return bytes(self.keys[number]).decode()

    def unit(self, number: int) -> Unit:
        return self.units(np.array([number]))[0]

    def units(self, numbers: NDArray[np.int64]) -> list[Unit]:
        """The units of these numbers; column by column, which is what makes it fast."""
        keys: list[bytes] = self.keys[numbers].tolist()
        payloads: list[dict[str, Scalar]] = [{} for _ in keys]
        for name, column in self.payload.items():
            for payload, value in zip(payloads, _scalars(column[numbers]), strict=True):
                payload[name] = value
        units = [object.__new__(Unit) for _ in keys]
        columns = (map(bytes.decode, keys), payloads, self.cost[numbers].tolist())
        for fill, values in zip(FILL, columns, strict=True):
            deque(map(fill, units, values), maxlen=0)
        return units

    def numbers_in_order(self) -> NDArray[np.int64]:
        """Unit numbers in the order of the result."""
        return np.argsort(self.position, kind="stable")


def _scalars(column: NDArray[Any]) -> list[Scalar]:
    plain: list[Any] = column.tolist()
    return [value.decode() for value in plain] if column.dtype.kind == "S" else plain


def list_units(
    listed: Sequence[tuple[Mapping[str, Scalar], Iterable[Unit]]],
) -> tuple[list[Unit], list[int]]:
    """Units of all sweep combinations one after the other, and the combination of each.

    The swept values become part of the key and of the payload.
    """
    units: list[Unit] = []
    combination: list[int] = []
    seen: set[str] = set()
    for number, (swept, found) in enumerate(listed):
        prefix = ",".join(f"{name}={value}" for name, value in swept.items())
        for unit in found:
            if not (
                isinstance(unit, Unit) and isinstance(unit.key, str) and isinstance(unit.payload, Mapping)
            ):
                raise UsageError(
                    f"units() gave {unit!r:.200}",
                    "it gives hpcml.workload.Unit(key, payload, cost): text, a mapping, a number",
                )
            key = f"{prefix}:{unit.key}" if prefix else unit.key
            if not KEY.fullmatch(key):
                raise UsageError(
                    f"unit key {key!r} is not 1 to 200 printable ASCII characters without blanks",
                    "the workload's units() makes the keys; swept values become part of them",
                )
            if key in seen:
                raise UsageError(f"duplicate unit key {key!r}")
            seen.add(key)
            cost = unit.cost if isinstance(unit.cost, int | float | np.number) else float("nan")
            if not 0 <= cost < float("inf"):
                raise UsageError(
                    f"unit {key!r} has the cost {unit.cost!r}; it must be a number, zero or more"
                )
            units.append(Unit(key, {**swept, **unit.payload}, unit.cost))
            combination.append(number)
    return units, combination


def refuse_shrinking(units: Sequence[Unit], before: UnitList | None) -> None:
    """PlanConflict when a unit of `before` is not among `units`."""
    if before is None:
        return
    listed = {unit.key for unit in units}
    gone = [key for key in (bytes(raw).decode() for raw in before.keys) if key not in listed]
    if gone:
        raise PlanConflict(
            f"{len(gone)} units of the campaign, such as {gone[0]!r}, are not in the new plan",
            "a campaign can grow, not shrink: plan a new campaign in another directory",
        )


def write_units(
    paths: Sequence[Path],
    units: Sequence[Unit],
    combination: Sequence[int],
    *,
    identity: Identity,
    schema: Schema,
    combinations: Sequence[Mapping[str, Any]],
    made_from: Mapping[str, Any],
    before: UnitList | None = None,
) -> None:
    """Write the same unit list to each path; units of `before` keep their numbers, new ones get the next."""
    refuse_shrinking(units, before)
    number_of = {bytes(key).decode(): at for at, key in enumerate(before.keys)} if before else {}
    for unit in units:
        number_of.setdefault(unit.key, len(number_of))
    order = np.fromiter((number_of[unit.key] for unit in units), np.int64, len(units))
    by_number = np.empty(len(units), np.int64)
    by_number[order] = np.arange(len(units))
    names = list(units[0].payload) if units else []
    datasets: dict[str, NDArray[Any]] = {
        "key": np.array([unit.key.encode() for unit in units] or [b"-"], "S")[by_number],
        "cost": np.array([unit.cost for unit in units], "<f8")[by_number],
        "position": by_number.astype("<i8"),
        "combination": np.array(combination, "<i8")[by_number] if units else np.empty(0, "<i8"),
    }
    for name in names:
        datasets[f"payload/{name}"] = _payload_column(name, units)[by_number]
    about = {
        "fingerprint": identity.fingerprint,
        "made_from": dict(made_from),
        "schema": schema.to_json(),
        "combinations": [dict(one) for one in combinations],
    }
    for path in paths:
        write_sealed(path, datasets, ids=np.arange(len(units)), identity=identity, about=about)


def _payload_column(name: str, units: Sequence[Unit]) -> NDArray[Any]:
    try:
        values = [unit.payload[name] for unit in units]
    except KeyError:
        raise UsageError(f"some units have no payload {name!r}; all must carry the same names") from None
    kinds = {type(value) for value in values}
    if kinds == {int, float}:
        kinds = {float}
    if len(kinds) != 1 or not kinds <= {bool, int, float, str}:
        found = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise UsageError(
            f"payload {name!r} of the units has values of type {found}; bool, int, float or str is needed",
            "NumPy numbers become plain ones by .item()",
        )
    if not NAME.fullmatch(name):
        raise UsageError(f"a payload of the units cannot be called {name!r}")
    kind = kinds.pop()
    if kind is str:
        try:
            return np.array([str(value).encode() for value in values], "S")
        except UnicodeEncodeError as error:
            raise UsageError(
                f"payload {name!r} of the units has a text that is no Unicode: {error}"
            ) from None
    try:
        return np.array(values, KIND[kind])
    except OverflowError:
        raise UsageError(f"payload {name!r} of the units has an integer beyond 64 bits") from None


def read_units(path: Path) -> UnitList:
    """Read and check units.h5."""
    with SealedReader(path) as file:
        about = file.about
        n = file.header.n_units
        payload = {
            name.partition("/")[2]: file.array(name) for name in file.names() if name.startswith("payload/")
        }
        return UnitList(
            keys=file.array("key")[:n],
            cost=file.array("cost"),
            position=file.array("position"),
            combination=file.array("combination"),
            payload=payload,
            fingerprint=about["fingerprint"],
            made_from=about["made_from"],
            schema=schema_from_json(about["schema"]),
            combinations=about["combinations"],
        )


def shard_bounds(cost: NDArray[np.float64], shards: int) -> NDArray[np.int64]:
    """(shards + 1,) boundaries that cut units 0..n-1 into contiguous shards of nearly equal cost.

    Law 2: the shards partition the units, whatever the costs (equal numbers when all are zero).
    """
    n = len(cost)
    with np.errstate(over="ignore"):
        total = float(cost.sum())
    if total > 0 and not 1e-290 < total < 1e290:  # sums and halves would leave what a float can hold
        cost = cost / cost.max()
        total = float(cost.sum())
    if total <= 0:
        return np.arange(shards + 1, dtype=np.int64) * n // shards
    # a unit belongs to the shard in which its middle lies, so no rounding can lose one
    middle = np.cumsum(cost) - cost / 2
    shard = np.minimum((middle * (shards / total)).astype(np.int64), shards - 1)
    return np.searchsorted(shard, np.arange(shards + 1), side="left").astype(np.int64)
