"""Re-read every part and table, check every checksum, recompute the content digests.

The walk over a campaign and the moving away of what is damaged.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hpcml.directory.intake import ingest
from hpcml.directory.opened import OpenCampaign, OpenStep
from hpcml.errors import IntegrityError
from hpcml.store import sealed, wal
from hpcml.store.atomic import replacing
from hpcml.store.context import sha256
from hpcml.store.journal import Journal
from hpcml.store.merging import ContentDigest, column_digest
from hpcml.store.recorder import seal_left_logs
from hpcml.store.table import StepTable

ROWS_AT_ONCE = 8 << 20


@dataclass(slots=True)
class VerifyResult:
    """What was read. digests: content digest of each table, as `step/table`. unresolved: problems that
    setting files aside does not fix."""

    files: int = 0
    bytes: int = 0
    digests: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def verify(
    opened: OpenCampaign, *, set_aside: bool = False, progress: Callable[[int], None] = lambda size: None
) -> VerifyResult:
    """Check all files of a campaign. Problems are collected, so that one run names them all.

    set_aside: move damaged and foreign files to steps/<step>/set-aside, after keeping what is complete
    in damaged logs; `resume` then computes what they held. A damaged unit list is put back from its copy.
    """
    found = VerifyResult(problems=ingest(opened))
    for step in opened.steps:
        if not step.listed():
            continue
        if not _check_unit_lists(opened, step, found, set_aside):
            continue
        damaged: list[Path] = []
        for path, check in _files(step):
            try:
                check()
                found.files += 1
                found.bytes += path.stat().st_size
                progress(path.stat().st_size)
            except FileNotFoundError:
                continue  # sealed or set aside meanwhile
            except IntegrityError as error:
                found.problems.append(error.message)
                damaged.append(path)
        _check_table(step, found, damaged)
        if set_aside and damaged:
            _set_aside(opened, step, damaged, found)
    return found


def _check_unit_lists(opened: OpenCampaign, step: OpenStep, found: VerifyResult, set_aside: bool) -> bool:
    """Check units.h5 and its copy, which stand for each other; False when there is no list to go by."""
    pair = (step.layout.units, step.layout.units_copy)
    intact, damaged = [], []
    for path in pair:
        try:
            sealed.verify_blocks(sealed.read_header(path, full=True))
            intact.append(path)
        except FileNotFoundError:
            continue
        except IntegrityError as error:
            found.problems.append(error.message)
            damaged.append(path)
    if damaged and set_aside:
        if not intact:
            found.unresolved.append(f"{damaged[0]}: damaged, and so is its copy")
            return False
        _move_away(opened, step, damaged, found)
        for path in damaged:
            with replacing(path) as temporary:
                shutil.copyfile(intact[0], temporary)
        return True
    return step.layout.units in intact


def _expected(step: OpenStep) -> tuple[bytes, bytes]:
    """What stands in the headers of the step's parts and table."""
    identity = step.identity()
    return sealed.fingerprint_bytes(identity.fingerprint), sealed.fingerprint_bytes(identity.campaign)


def _files(step: OpenStep) -> Iterator[tuple[Path, Callable[[], None]]]:
    identity, expected = step.identity(), _expected(step)

    def check_part(path: Path) -> None:
        header = sealed.read_header(path, full=True)
        sealed.verify_blocks(header)
        if (header.fingerprint, header.campaign) != expected:
            raise IntegrityError(f"{path}: of another campaign or of other parameters")

    def check_log(path: Path) -> None:
        handle = os.open(path, os.O_RDONLY)
        try:
            about, _ = wal.read_about(handle, path)
            if (about["fingerprint"], about["campaign"]) != (identity.fingerprint, identity.campaign):
                raise IntegrityError(f"{path}: of another campaign or of other parameters")
            for _, frame in wal.read_frames(handle, step.units().schema, path):
                if int(frame.ids.max()) >= len(step.units()):
                    raise IntegrityError(f"{path}: holds units that the step does not have")
        except EOFError:
            pass  # its writer was killed before the first bytes
        finally:
            os.close(handle)

    def check_artifact(path: Path) -> None:
        if sha256(path) != path.name:
            raise IntegrityError(f"{path}: its content does not match its name")

    for path in sorted(step.layout.parts.glob("*.h5")):
        yield path, lambda path=path: check_part(path)  # type: ignore[misc]
    for path in sorted(step.layout.logs.glob("*.wal")):
        yield path, lambda path=path: check_log(path)  # type: ignore[misc]
    for path in sorted(step.layout.artifacts.glob("??/*")):
        yield path, lambda path=path: check_artifact(path)  # type: ignore[misc]


def _check_table(step: OpenStep, found: VerifyResult, damaged: list[Path]) -> None:
    path = step.layout.table
    if not path.is_file():
        return
    try:
        header = sealed.read_header(path, full=True)
        sealed.verify_blocks(header)
        if (header.fingerprint, header.campaign) != _expected(step):
            raise IntegrityError(f"{path}: of another campaign or of other parameters")
        table = StepTable(step.layout)
        for name in table.tables():
            digest = content_digest(table, name)
            if digest != table.digests[name]:
                raise IntegrityError(f"{path}: the content digest of table {name!r} does not match")
            found.digests[f"{step.name}/{name}"] = digest
        for key, name, artifact in table.files():
            if not artifact.is_file():
                raise IntegrityError(f"{artifact}: the file {name!r} of unit {key!r} is gone")
        found.files += 1
        found.bytes += path.stat().st_size
    except IntegrityError as error:
        found.problems.append(error.message)
        damaged.append(path)


def content_digest(table: StepTable, name: str) -> str:
    """The content digest of a table from the values in it (see store/merging.py)."""
    schema = table.schema.table(name)
    digest = ContentDigest(schema, table.key_bytes())
    if schema.kind == "rows":
        digest.rows(table.index(name)[:, 1])
    for one in schema.fields:
        column = np.ascontiguousarray(table.stored(one.name, name)).reshape(-1)
        content = column_digest(one.sized(column.dtype.itemsize) if one.text else one)
        step = max(1, ROWS_AT_ONCE // column.dtype.itemsize)
        for start in range(0, len(column), step):
            content.update(np.ascontiguousarray(column[start : start + step]).view(np.uint8).data)
        digest.column(content.digest())
    return digest.hexdigest()


def _set_aside(opened: OpenCampaign, step: OpenStep, damaged: list[Path], found: VerifyResult) -> None:
    units, identity = step.units(), step.identity()
    logs = [path for path in damaged if path.suffix == ".wal"]
    if logs:
        seal_left_logs(step.layout, units.keys, units.schema, identity, salvage=True)
    _move_away(opened, step, damaged, found)


def _move_away(opened: OpenCampaign, step: OpenStep, damaged: list[Path], found: VerifyResult) -> None:
    step.layout.set_aside.mkdir(exist_ok=True)
    for path in damaged:
        if path.exists():
            path.replace(step.layout.set_aside / path.name)
        found.set_aside.append(str(path))
        Journal(opened.layout.journal).write("set-aside", step=step.name, file=path.name)
