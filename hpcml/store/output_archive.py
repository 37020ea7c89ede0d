"""What a shard sends back where no file system is shared: one tar file per start, the output archive.

    parts/*.h5  logs/*.wal  artifacts/<2 hex>/<digest>     of the step
    journal/*.jsonl                                        of its ranks
    archive.json                                            last: whose it is, size and digest of each

The last member tells a complete archive from one that is still on its way or was cut off. Names in an archive
are believed only if they are names that a shard writes; nothing else of a tar (links, owners, modes) is
looked at. Packing, unpacking.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from hpcml.errors import IntegrityError
from hpcml.store.atomic import replacing
from hpcml.store.layout import Layout, StepLayout
from hpcml.store.sandbox import Sandbox

NOTE = "archive.json"
_HEADER_BYTES = 1 << 20  # no header of a part is larger: its units are listed as runs
EARLIER = "earlier.jsonl"  # the journal that a sandbox brings along; it does not travel back
_NAME = re.compile(
    r"parts/[0-9a-z][0-9a-z.-]*\.h5|logs/[0-9a-z][0-9a-z.-]*\.wal|artifacts/[0-9a-f]{2}/[0-9a-f]{64}"
    r"|journal/[0-9A-Za-z][0-9A-Za-z._-]*\.jsonl"
)


class IncompleteArchive(IntegrityError):
    """An archive without its last member."""


class _Digesting(io.RawIOBase):
    """Reads a file and remembers what it read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest, self.size = file, hashlib.blake2b(digest_size=16), 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self.file.read(size)
        self.digest.update(block)
        self.size += len(block)
        return block

    def size_and_digest(self) -> list[Any]:
        return [self.size, self.digest.hexdigest()]


def pack(layout: Layout, sandbox: Sandbox, shard: int) -> Path:
    """One more archive: what the shard has recorded in its sandbox, less what earlier archives there hold."""
    carried = {name for path in sorted(layout.incoming.glob("*.tar")) for name in _names(path)}
    found = [(name, path) for name, path in _recorded(layout, sandbox.step) if name not in carried]
    target = layout.archive(sandbox.step, shard, sandbox.attempt, secrets.token_hex(6))
    members: dict[str, list[Any]] = {}
    with replacing(target) as temporary, tarfile.open(temporary, "w") as tar:
        for name, path in found:
            with path.open("rb") as file:
                reader = _Digesting(file)
                tar.addfile(_member(name, path.stat().st_size), reader)
            members[name] = reader.size_and_digest()
        note = {
            "campaign": sandbox.campaign,
            "fingerprint": sandbox.fingerprint,
            "step": sandbox.step,
            "members": members,
        }
        text = json.dumps(note).encode()
        tar.addfile(_member(NOTE, len(text)), io.BytesIO(text))
    return target


def _member(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def _recorded(layout: Layout, step: str) -> Iterator[tuple[str, Path]]:
    own = layout.step(step)
    folders = ((own.parts, "*.h5"), (own.logs, "*.wal"), (own.artifacts, "??/*"), (layout.journal, "*.jsonl"))
    for folder, pattern in folders:
        for path in sorted(folder.glob(pattern)):
            name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
            if _NAME.fullmatch(name) and path.name != EARLIER:  # not what is half-written
                yield name, path


def _names(path: Path) -> list[str]:
    try:
        with _opened(path) as tar:
            return list(_note(tar, path)["members"])
    except IntegrityError:
        return []


def _note(tar: tarfile.TarFile, path: Path) -> dict[str, Any]:
    """The last member. IncompleteArchive without it."""
    members = tar.getmembers()
    file = tar.extractfile(members[-1]) if members and members[-1].name == NOTE else None
    if file is None:
        raise IncompleteArchive(f"{path} is incomplete: still on its way, or cut off")
    try:
        note: dict[str, Any] = json.loads(file.read())
        wrong = sorted({member.name for member in members[:-1]} ^ set(note["members"]))
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"{path}: its {NOTE} is damaged: {error!r}") from error
    wrong += [member.name for member in members[:-1] if not (member.isreg() and _NAME.fullmatch(member.name))]
    if wrong:
        raise IntegrityError(f"{path} holds {wrong[0]!r}, which is nothing that a shard sends")
    return note


def whose(path: Path) -> tuple[str, str, str]:
    """(campaign, step, fingerprint) of an archive."""
    with _opened(path) as tar:
        note = _note(tar, path)
    return str(note["campaign"]), str(note["step"]), str(note["fingerprint"])


def unpack(path: Path, layout: Layout, step: StepLayout) -> None:
    """Put the files of an archive into their places; those that are there already stay as they are.

    Each becomes a name only when it is complete, so being killed here costs nothing.
    Raises IncompleteArchive, or IntegrityError when a name or a digest is not as it should be.
    """
    with _opened(path) as tar:
        expected = _note(tar, path)["members"]
        for member in tar.getmembers()[:-1]:
            kind, _, rest = member.name.partition("/")
            target = (layout.root if kind == "journal" else step.root) / kind / rest
            file = tar.extractfile(member)
            if target.exists() or file is None:
                continue
            with replacing(target) as temporary:
                reader = _Digesting(file)
                with temporary.open("wb") as out:
                    shutil.copyfileobj(reader, out, 1 << 20)
                if reader.size_and_digest() != expected[member.name]:
                    raise IntegrityError(f"{path}: {member.name} is damaged")


def outline(path: Path, layout: Layout, step: StepLayout, into: Layout) -> None:
    """Put into another folder what says which units an archive holds; the campaign stays as it is.

    Journals and logs are copied. Of a part only its header is, in a file of the part's size. What the
    campaign has already is left out, since it is counted there. Raises as `unpack` does.
    """
    with _opened(path) as tar:
        _note(tar, path)
        for member in tar.getmembers()[:-1]:
            kind, _, rest = member.name.partition("/")
            if (
                kind == "artifacts"
                or ((layout.root if kind == "journal" else step.root) / kind / rest).exists()
            ):
                continue
            file = tar.extractfile(member)
            if file is None:
                continue
            target = (into.root if kind == "journal" else into.step(step.name).root) / kind / rest
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                if kind == "parts":
                    out.write(file.read(_HEADER_BYTES))
                    out.truncate(member.size)
                else:
                    shutil.copyfileobj(file, out, 1 << 20)


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    """The tar file of an archive; what tarfile says of a torn one becomes IncompleteArchive."""
    try:
        with tarfile.open(path, "r:") as tar:
            yield tar
    except tarfile.TarError as error:
        raise IncompleteArchive(f"{path} is incomplete: {error}") from error
