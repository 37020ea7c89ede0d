"""What `process` may ask for besides its inputs: streams, files kept with the result, scratch.

The engine's side of workload.Context.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpcml import seeds
from hpcml.errors import nearest
from hpcml.store.atomic import storage_errors, sync_folder
from hpcml.store.layout import StepLayout

if TYPE_CHECKING:
    import numpy as np

    from hpcml.workload import Unit


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class UnitContext:
    """One object per rank, set again for each unit by `begin`."""

    __slots__ = (
        "_artifacts",
        "_externals",
        "_lock",
        "_names",
        "_pending",
        "_workspace",
        "seed",
        "step",
        "unit",
        "used",
    )

    def __init__(self, step: StepLayout, seed: int, artifacts: tuple[str, ...]) -> None:
        self.step = step
        self.seed = seed
        self.unit: Unit
        self._names = artifacts
        self._artifacts: dict[str, Path] = {}
        self._externals: list[Path] = []
        self._workspace: Path | None = None
        self._lock = -1
        self._pending: list[Path] = []
        self.used = False  # did the unit ask for anything that `end` must look after

    def begin(self, unit: Unit) -> None:
        self.unit = unit

    def stream(self, *labels: int | str) -> np.random.Generator:
        return seeds.stream(self.seed, *(labels or (self.step.name, self.unit.key)))

    def artifact(self, name: str) -> Path:
        if name not in self._names:
            raise ValueError(
                f"{name!r} is not one of the workload's artifacts {self._names}."
                f" {nearest(name, list(self._names))}"
            )
        self.used = True
        self.step.artifacts.mkdir(parents=True, exist_ok=True)
        path = self._artifacts.get(name)
        if path is None:
            path = self.step.artifacts / f".{name}.{secrets.token_hex(6)}.tmp"
            self._artifacts[name] = path
        return path

    @property
    def workspace(self) -> Path:
        if self._workspace is None:
            self.used = True
            self._workspace = self._own_workspace()
        return self._workspace

    def _own_workspace(self) -> Path:
        """The unit's folder, or a private one while another worker holds the same unit."""
        folder = self.step.workspace(self.unit.key)
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._lock)
                self._lock = -1
                folder = folder.with_name(f"{folder.name}.{secrets.token_hex(6)}")
                folder.mkdir()
            except OSError:
                pass  # no locks on this file system: two copies of one unit are rare, and end equal
        return folder

    def external(self, path: Path) -> None:
        self.used = True
        self._externals.append(Path(path))

    def file_rows(self, artifacts: bool, externals: bool) -> dict[str, Any]:
        """Keep the files of the unit that just ended; the rows of the built-in tables."""
        import numpy as np

        rows: dict[str, Any] = {}
        if artifacts:
            kept = [(name, *self._keep(path)) for name, path in sorted(self._artifacts.items())]
            rows["artifacts"] = {
                "name": np.array([name.encode() for name, _, _ in kept], "S64"),
                "digest": np.array([digest.encode() for _, digest, _ in kept], "S64"),
                "bytes": np.array([size for _, _, size in kept], "u8"),
            }
        if externals:
            found = [(str(path), sha256(path), path.stat().st_size) for path in self._externals]
            for name, _, _ in found:
                if len(name.encode()) > 512:
                    raise ValueError(f"external path of more than 512 bytes: {name!r}")
            rows["externals"] = {
                "path": np.array([name.encode() for name, _, _ in found], "S512"),
                "digest": np.array([digest.encode() for _, digest, _ in found], "S64"),
                "bytes": np.array([size for _, _, size in found], "u8"),
            }
        return rows

    def _keep(self, path: Path) -> tuple[str, int]:
        """Give a finished artifact its name by content, durably; (digest, bytes)."""
        if not path.is_file():
            raise FileNotFoundError(
                f"ctx.artifact() was asked for {path.name.split('.')[1]!r} but it was not written"
            )
        digest, size = sha256(path), path.stat().st_size
        place = self.step.artifact(digest)
        with storage_errors(place):
            place.parent.mkdir(exist_ok=True)
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            path.replace(place)
            sync_folder(place.parent)
        return digest, size

    def end(self, *, done: bool) -> None:
        """Forget the unit: unfinished artifacts go; the workspace goes once the result is recorded."""
        for path in self._artifacts.values():
            path.unlink(missing_ok=True)
        self._artifacts.clear()
        self._externals.clear()
        if self._workspace is not None:
            if done:
                self._pending.append(self._workspace)
            elif "." in self._workspace.name:
                shutil.rmtree(self._workspace, ignore_errors=True)
            self._workspace = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        self.used = False

    def recorded(self, _: list[int]) -> None:
        """Results of all ended units are in the log: their workspaces are of no more use."""
        for folder in self._pending:
            shutil.rmtree(folder, ignore_errors=True)
        self._pending.clear()
