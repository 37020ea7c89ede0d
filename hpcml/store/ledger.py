"""Which units are done: complete parts plus the valid prefix of logs, and nothing else (law 3)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.errors import IntegrityError
from hpcml.store import sealed, wal
from hpcml.store.layout import StepLayout
from hpcml.store.parts import Identity

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LogState:
    """A log as found: its valid units, whether its writer lives, and what the writer said of itself."""

    path: Path
    ids: Sequence[int]
    alive: bool
    about: dict[str, Any]
    first: float
    last: float
    busy: float


@dataclass(slots=True)
class Ledger:
    """The state of a step. `done` is over unit numbers; `doubled` counts units held more than once."""

    done: NDArray[np.bool_]
    doubled: int
    parts: list[sealed.Header]
    logs: list[LogState]
    damaged: list[tuple[Path, str]] = field(default_factory=list)
    foreign: list[Path] = field(default_factory=list)

    @property
    def missing(self) -> NDArray[np.int64]:
        return np.flatnonzero(~self.done)

    def refuse_damage(self) -> None:
        """IntegrityError when a file is damaged or belongs to another campaign or fingerprint."""
        if self.damaged:
            _, why = self.damaged[0]
            more = f" (and {len(self.damaged) - 1} more)" if len(self.damaged) > 1 else ""
            raise IntegrityError(
                f"{why}{more}",
                "`hpcml verify --set-aside` moves damaged files away; `hpcml resume` computes their units",
            )
        if self.foreign:
            names = ", ".join(str(path) for path in self.foreign[:3])
            raise IntegrityError(
                f"{len(self.foreign)} file(s) of another campaign or of other parameters: {names}",
                "`hpcml verify --set-aside` moves them away",
            )


def scan(step: StepLayout, n_units: int, identity: Identity, *, also: Sequence[StepLayout] = ()) -> Ledger:
    """Read the headers of all parts and the frames of all logs of a step; also: of these folders, too."""
    ledger = Ledger(np.zeros(n_units, bool), 0, [], [])
    # logs first: one that is sealed meanwhile is then met as a part, and never missed
    for place in (step, *also):
        for name in _names(place.logs, ".wal"):
            state = _read_log(place.logs / name, identity, ledger)
            if state is not None:
                ledger.logs.append(state)
    for place in (step, *also):
        _read_parts(place, identity, ledger)
    runs = np.frombuffer(b"".join(header.run_bytes for header in ledger.parts), sealed.UNIT_RANGE)
    ids = sealed.ids_of(runs)
    ids = np.concatenate([ids, *(np.asarray(log.ids, np.int64) for log in ledger.logs)])
    if len(ids) and int(ids.max()) >= n_units:
        raise IntegrityError(
            f"{step.parts} holds unit number {int(ids.max())}, but the step has {n_units} units",
            "units.h5 is older than the parts: was it replaced by hand?",
        )
    ledger.done[ids] = True
    ledger.doubled = len(ids) - int(np.count_nonzero(ledger.done))
    return ledger


def _read_parts(step: StepLayout, identity: Identity, ledger: Ledger) -> None:
    fingerprint = sealed.fingerprint_bytes(identity.fingerprint)
    campaign = sealed.fingerprint_bytes(identity.campaign)
    folder = str(step.parts)
    for name in _names(step.parts, ".h5"):
        path = f"{folder}/{name}"
        try:
            header = sealed.read_header(path)
        except IntegrityError as error:
            ledger.damaged.append((Path(path), error.message))
            continue
        except FileNotFoundError:
            continue  # another process set it aside since the listing
        if header.fingerprint != fingerprint or header.campaign != campaign:
            ledger.foreign.append(Path(path))
        else:
            ledger.parts.append(header)


def _names(folder: Path, suffix: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name
                for entry in entries
                if entry.name.endswith(suffix) and not entry.name.startswith(".")
            )
    except FileNotFoundError:
        return []


def _read_log(path: Path, identity: Identity, ledger: Ledger) -> LogState | None:
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None  # sealed by its writer since the listing
    try:
        about, _ = wal.read_about(handle, path)
        if (about["fingerprint"], about["campaign"]) != (identity.fingerprint, identity.campaign):
            ledger.foreign.append(path)
            return None
        dead = wal.try_lock(handle)
        if dead:  # only asked: whoever wants to seal it must not find it locked
            wal.unlock(handle)
        ids, first, last, busy = wal.count_units(handle, path, checked=dead)
        if ids and max(ids) >= len(ledger.done):
            raise IntegrityError(f"{path}: holds units that the step does not have")
        return LogState(path, ids, not dead, about, first, last, busy)
    except EOFError:
        return None  # killed before its first bytes: it holds nothing
    except IntegrityError as error:
        ledger.damaged.append((path, error.message))
        return None
    finally:
        os.close(handle)
