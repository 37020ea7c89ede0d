"""Merges the parts of a step into its table; refuses gaps, contradictions, foreign and damaged files."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hpcml.directory.history import History
from hpcml.directory.intake import ingest
from hpcml.directory.listing import ensure_listed
from hpcml.directory.opened import OpenCampaign, OpenStep
from hpcml.directory.summary import write_summary
from hpcml.errors import Incomplete, IntegrityError
from hpcml.provenance import provenance
from hpcml.store.journal import Journal
from hpcml.store.ledger import Ledger
from hpcml.store.merging import PartIndex, open_sources
from hpcml.store.recorder import seal_left_logs
from hpcml.store.sealed import read_header
from hpcml.store.table import StepTable
from hpcml.store.tablefile import TableContent, write_table
from hpcml.store.units import UnitList

if TYPE_CHECKING:
    from numpy.typing import NDArray

OnConflict = Literal["refuse", "first"]


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What a merge did. fresh: False when the table was made from exactly this before. listed: steps whose
    units are listed now."""

    step: str
    fresh: bool
    units: int
    missing: int
    doubled: int
    conflicts: int
    digests: dict[str, str]
    listed: list[str]


def merge(
    opened: OpenCampaign,
    step: OpenStep,
    *,
    history: History | None = None,
    allow_missing: bool = False,
    on_conflict: OnConflict = "refuse",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> MergeResult:
    """Merge one step and list the units of the steps that waited for it.

    history: the journal, if the caller has read it; else it is read when units are missing.

    Raises Incomplete (missing or failed units), IntegrityError (damage, contradiction).
    """
    ingest(opened)
    units, identity = step.units(), step.identity()
    seal_left_logs(step.layout, units.keys, units.schema, identity)
    ledger = step.ledger()
    ledger.refuse_damage()  # also of the logs that could not be sealed
    # recorded, but in logs of ranks that are still at work (masks: np.unique imports all of numpy.ma)
    in_parts = np.zeros(len(units), bool)
    for header in ledger.parts:
        in_parts[header.ids] = True
    in_logs = np.zeros(len(units), bool)
    for log in ledger.logs:
        in_logs[np.asarray(log.ids, np.int64)] = True
    missing = np.flatnonzero(~in_parts)
    unsealed = np.flatnonzero(in_logs & ~in_parts)
    reasons = _reasons(step, units, missing, set(unsealed.tolist()), history)
    if len(missing) and not allow_missing:
        raise _missing_error(step, units, missing, reasons)
    source_digest = _source_digest(ledger, step, missing, on_conflict)
    merged = _already(step, source_digest)
    if merged is None:
        step.layout.summary.unlink(missing_ok=True)  # it tells of the table before
        merged = _write(
            opened,
            step,
            ledger,
            missing=missing,
            reasons=reasons,
            source_digest=source_digest,
            on_conflict=on_conflict,
            progress=progress,
        )
        Journal(opened.layout.journal).write(
            "merged", step=step.name, units=merged.units, missing=merged.missing, digests=merged.digests
        )
    if not step.layout.summary.is_file():
        write_summary(step)
    if not len(missing) and not any(log.alive for log in ledger.logs):
        # what is left of units whose rank was killed between their last record and the clearing up
        shutil.rmtree(step.layout.workspaces, ignore_errors=True)
    listed = [
        behind.name
        for behind in opened.steps
        if step.name in behind.earlier_steps() and ensure_listed(behind)
    ]
    return replace(merged, listed=listed)


def _write(
    opened: OpenCampaign,
    step: OpenStep,
    ledger: Ledger,
    *,
    missing: NDArray[np.int64],
    reasons: Mapping[int, str],
    source_digest: str,
    on_conflict: OnConflict,
    progress: Callable[[int, int], None],
) -> MergeResult:
    units = step.units()
    sources = open_sources([header.path for header in ledger.parts], units, units.schema)
    try:
        if sources.conflicts and on_conflict == "refuse":
            raise _conflict_error(sources, units)
        order = units.numbers_in_order()
        order = order[sources.owner[order] >= 0]
        datasets = _small_datasets(units, order, missing, reasons, sources)
        about = {
            "step": step.name, "campaign": opened.campaign.name, "workload": step.plan.workload,
            "fingerprint": units.fingerprint, "seed": opened.campaign.seed, "units": len(order),
            "missing": len(missing), "conflicts": len(sources.conflicts), "doubled": sources.doubled,
            "sources": source_digest, "schema": units.schema.to_json(),
        }  # fmt: skip
        machines = [reader.about for reader in sources.readers]
        content = TableContent(
            order=order,
            keys=units.keys[order],
            datasets=datasets,
            about=about,
            provenance=provenance(opened.campaign, step.plan, units.fingerprint, machines),
            identity=step.identity(),
            compression=step.plan.compression,
        )
        total = sum(
            int(sources.rows[table.name][order].sum()) * one.width
            for table in sources.sized(units.schema, order).tables
            for one in table.fields
        )
        done = 0

        def count(size: int) -> None:
            nonlocal done
            done += size
            progress(done, total)

        digests = write_table(step.layout.table, units.schema, sources, content, count)
    finally:
        sources.close()
    return MergeResult(
        step=step.name,
        fresh=True,
        units=len(order),
        missing=len(missing),
        doubled=sources.doubled,
        conflicts=len(sources.conflicts),
        digests=digests,
        listed=[],
    )


def _small_datasets(
    units: UnitList,
    order: NDArray[np.int64],
    missing: NDArray[np.int64],
    reasons: Mapping[int, str],
    sources: PartIndex,
) -> dict[str, NDArray[Any]]:
    datasets: dict[str, NDArray[Any]] = {"units/key": units.keys[order]}
    for name, column in units.payload.items():
        datasets[f"units/{name}"] = column[order]
    if len(missing):
        datasets["missing/key"] = units.keys[missing]
        datasets["missing/reason"] = np.array(
            [reasons[number].encode()[:400] for number in missing.tolist()], "S"
        )
    if sources.conflicts:
        datasets["conflicts/key"] = units.keys[[one.number for one in sources.conflicts]]
        datasets["conflicts/kept"] = np.array([one.kept.name.encode() for one in sources.conflicts], "S")
        datasets["conflicts/other"] = np.array([one.other.name.encode() for one in sources.conflicts], "S")
    if any(not table.materialise for table in units.schema.tables):
        datasets["parts/name"] = np.array(
            [reader.path.name.encode() for reader in sources.readers] or [b"-"], "S"
        )
    return datasets


def _reasons(
    step: OpenStep, units: UnitList, missing: NDArray[np.int64], unsealed: set[int], history: History | None
) -> dict[int, str]:
    """Why each missing unit is missing, in a few words."""
    if not len(missing):
        return {}
    history = history or History.read(step.opened.layout.journal)
    failures = history.failures(step.name)
    reasons = {}
    for number in missing.tolist():
        key = units.key(number)
        if number in unsealed:
            reasons[number] = "recorded by a rank that is still at work"
        elif failures.counts[key]:
            reasons[number] = f"failed {failures.counts[key]}x: {failures.last[key]['error']}"
        else:
            reasons[number] = "not computed"
    return reasons


def _missing_error(
    step: OpenStep, units: UnitList, missing: NDArray[np.int64], reasons: Mapping[int, str]
) -> Incomplete:
    shown = "; ".join(f"{units.key(number)} ({reasons[number]})" for number in missing[:5].tolist())
    more = f"; and {len(missing) - 5} more" if len(missing) > 5 else ""
    return Incomplete(
        f"step {step.name!r}: {len(missing)} of {len(units)} units are missing: {shown}{more}",
        f"`hpcml resume {step.opened.root}` computes them (--retry-failed: also those that failed too often);"
        f" `hpcml merge {step.opened.root} --allow-missing` writes the table without them",
    )


def _conflict_error(sources: PartIndex, units: UnitList) -> IntegrityError:
    first = sources.conflicts[0]
    names = ", ".join(units.key(one.number) for one in sources.conflicts[:5])
    return IntegrityError(
        f"{len(sources.conflicts)} unit(s) have two different results: {names};"
        f" {first.kept} and {first.other}, {first.explanation}",
        "equal seeds must give equal results: does the workload depend on rank, time or machine?"
        " `--on-conflict first` keeps the first file by name and lists the conflict in the table",
    )


def _source_digest(ledger: Ledger, step: OpenStep, missing: NDArray[np.int64], on_conflict: str) -> str:
    """What a table was made from: typing merge again is then free. Parts are immutable, names are enough."""
    digest = hashlib.blake2b(digest_size=16)
    names = [Path(header.path).name for header in ledger.parts]
    order = step.units().numbers_in_order()
    digest.update(json.dumps([names, missing.tolist(), on_conflict, step.plan.compression]).encode())
    digest.update(order.tobytes())
    return digest.hexdigest()


def _already(step: OpenStep, source_digest: str) -> MergeResult | None:
    if not step.layout.table.is_file():
        return None
    try:
        read_header(step.layout.table, full=True)
        table = StepTable(step.layout)
    except IntegrityError:
        return None  # a damaged table is written again from its parts
    about = table.about
    if about["sources"] != source_digest:
        return None
    return MergeResult(
        step=step.name,
        fresh=False,
        units=about["units"],
        missing=about["missing"],
        doubled=about["doubled"],
        conflicts=about["conflicts"],
        digests=table.digests,
        listed=[],
    )
