"""Sandboxes and archives without a scheduler: a step computed where the campaign cannot be seen, and taken
in.  What goes into a sandbox, what comes back, and archives that are torn, forged, foreign or there
twice.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import toy

from hpcml.commands.sandbox import make_sandbox
from hpcml.commands.verify import verify
from hpcml.commands.work import work
from hpcml.directory.intake import ingest
from hpcml.directory.opened import OpenCampaign
from hpcml.errors import UsageError
from hpcml.store import output_archive as archive
from hpcml.store.layout import Layout
from hpcml.store.sandbox import read_sandbox_note
from hpcml.worker.assignment import ShardRequest


@contextmanager
def _away(*paths: Path) -> Iterator[None]:
    """Nothing of these can be read meanwhile."""
    for path in paths:
        path.rename(path.with_name(path.name + ".away"))
    yield
    for path in paths:
        path.with_name(path.name + ".away").rename(path)


def _parts(path: Path) -> set[str]:
    with tarfile.open(path) as tar:
        return {name for name in tar.getnames() if name.startswith("parts/")}


class Elsewhere:
    """The scratch folder of one shard's job."""

    def __init__(self, folder: Path, opened: OpenCampaign, step: str, shard: int = 0) -> None:
        self.sandbox, self.incoming = folder / "sandbox", folder / "incoming"
        self.step, self.shard, self.home = step, shard, opened.layout.incoming
        home = make_sandbox(OpenCampaign(opened.root), OpenCampaign(opened.root).step(step), 1)
        shutil.copytree(home, self.sandbox)  # follows links, as the transfer does
        self.incoming.mkdir()
        (self.sandbox / "incoming").symlink_to("../incoming")

    def start(self, shards: int = 0) -> Path:
        """What rank.sh does; the archive."""
        self.code = work(ShardRequest(self.sandbox, self.step, self.shard, shards, 1))
        note = read_sandbox_note(self.sandbox)
        assert note is not None
        return archive.pack(Layout(self.sandbox), note, self.shard)

    def send(self) -> list[Path]:
        self.home.mkdir(exist_ok=True)
        return [
            Path(shutil.copy(path, self.home / path.name)) for path in sorted(self.incoming.glob("*.tar"))
        ]


@pytest.fixture
def sent(tmp_path: Path) -> tuple[OpenCampaign, Path]:
    """A campaign of one step, of which one archive with half the units has come back."""
    opened = toy.planned(tmp_path)
    there = Elsewhere(tmp_path / "job", opened, "toy")
    there.start(shards=2)
    return opened, there.send()[0]


def test_a_box_is_all_that_a_step_needs(tmp_path: Path) -> None:
    shutil.copy(toy.WORKLOADS, tmp_path / "mine.py")
    (tmp_path / "data.txt").write_text("measured")
    steps = (
        {"name": "first", "workload": "mine.py:Kept", "inputs": {"data": "data.txt"}},
        {"name": "second", "workload": "mine.py:Behind", "inputs": {"samples": "first"}},
    )
    opened = toy.planned(tmp_path, *steps)
    for name in ("first", "second"):
        there = Elsewhere(tmp_path / f"job-{name}", opened, name)
        with _away(opened.root, tmp_path / "data.txt", tmp_path / "mine.py"):
            there.start()
        assert there.code == 0
        there.send()
        toy.merge_here(opened, name)
    reference = toy.planned(tmp_path, *steps, root=tmp_path / "reference")
    for name in ("first", "second"):
        toy.work_here(reference, name)
        toy.merge_here(reference, name)
    assert toy.verified(opened) == toy.verified(reference)
    assert not list(opened.layout.incoming.glob("*.tar"))


KEEPS_FILES = """
import numpy as np
from hpcml.workload import Column, InputSpec, Table, Unit, Workload
from dataclasses import dataclass

@dataclass(frozen=True)
class Nothing:
    pass

class Models(Workload):
    name, version, Parameters, artifacts = "models", 1, Nothing, ("model",)
    def units(self, inputs):
        return [Unit(f"m{number}", {"number": number}) for number in range(4)]
    def tables(self, inputs):
        return (Table("rows", (Column("value", "f8"),)),)
    def open(self, inputs):
        return None
    def process(self, unit, shared, ctx):
        ctx.artifact("model").write_text(f"weights of {unit.key}")
        return {"rows": {"value": np.ones(1)}}

class Reads(Workload):
    name, version, Parameters, inputs = "reads", 1, Nothing, (InputSpec("models", "a Models step"),)
    def units(self, inputs):
        return [Unit(key) for key, _, _ in inputs["models"].files()]
    def tables(self, inputs):
        return (Table("lengths", (Column("length", "i8"),)),)
    def open(self, inputs):
        return {key: path.read_text() for key, _, path in inputs["models"].files()}
    def process(self, unit, shared, ctx):
        return {"lengths": {"length": np.array([len(shared[unit.key])])}}
"""


def test_files_kept_with_results_travel_both_ways_and_from_another_campaign(tmp_path: Path) -> None:
    (tmp_path / "files.py").write_text(KEEPS_FILES)
    first = toy.planned(tmp_path, {"name": "models", "workload": "files.py:Models"}, root=tmp_path / "first")
    there = Elsewhere(tmp_path / "job-models", first, "models")
    there.start()
    there.send()
    toy.merge_here(first, "models")
    assert len(list(first.step("models").layout.artifacts.glob("??/*"))) == 4
    reads = {
        "name": "read",
        "workload": "files.py:Reads",
        "inputs": {"models": f"campaign:{first.root}/models"},
    }
    second = toy.planned(tmp_path, reads)
    there = Elsewhere(tmp_path / "job-read", second, "read")
    with _away(first.root, second.root, tmp_path / "files.py"):
        there.start()
    assert there.code == 0
    there.send()
    toy.merge_here(second, "read")
    toy.verified(first)
    assert OpenCampaign(second.root).step("read").table().array("length").tolist() == [13] * 4


def test_a_changed_input_is_told_before_anything_travels(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("measured")
    opened = toy.planned(tmp_path, toy.step(inputs={"data": "data.txt"}))
    (tmp_path / "data.txt").write_text("other")
    with pytest.raises(Exception, match="has changed since"):
        make_sandbox(opened, opened.step("toy"), 1)


def test_files_outside_the_campaign_cannot_travel(tmp_path: Path) -> None:
    opened = toy.planned(tmp_path, toy.step(workload="Files"))
    with pytest.raises(UsageError, match="no file transfer brings back"):
        make_sandbox(opened, opened.step("toy"), 1)


def test_what_the_campaign_holds_is_not_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = toy.planned(tmp_path)
    toy.work_here(opened, shard=0, shards=2)
    before = toy.done_units(opened)
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "toy.log"))
    there = Elsewhere(tmp_path / "job", opened, "toy")
    there.start()
    assert {line.key for line in toy.said(tmp_path / "toy.log", "end")}.isdisjoint(before)
    there.send()
    toy.merge_here(opened)


def test_failures_travel_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_FAIL", "u00003")
    opened = toy.planned(tmp_path)
    first = Elsewhere(tmp_path / "job1", opened, "toy")
    first.start()
    assert first.code == 3
    first.send()
    assert ingest(opened) == []
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "toy.log"))
    second = Elsewhere(tmp_path / "job2", opened, "toy")
    second.start()
    assert second.code == 3
    assert toy.said(tmp_path / "toy.log") == []  # it had failed often enough


def test_the_next_start_goes_on_and_sends_only_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = toy.planned(tmp_path)
    there = Elsewhere(tmp_path / "job", opened, "toy")
    first = there.start(shards=2)
    again = Elsewhere(
        tmp_path / "after-eviction", opened, "toy"
    )  # its sandbox is fresh; the archive came along
    shutil.copy(first, again.incoming / first.name)
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "toy.log"))
    second = again.start()
    assert again.code == 0
    assert len(toy.said(tmp_path / "toy.log", "end")) == 12
    assert _parts(first) and _parts(second) and not _parts(first) & _parts(second)
    again.send()
    toy.merge_here(opened)


def test_the_same_parcel_twice_is_once(sent: tuple[OpenCampaign, Path]) -> None:
    opened, path = sent
    whole = path.read_bytes()
    for _ in range(2):
        path.write_bytes(whole)
        assert ingest(opened) == []
        assert not path.exists()
    assert len(toy.parts(opened)) == 1
    assert len(toy.done_units(opened)) == 12


def test_killed_in_the_middle_of_it(sent: tuple[OpenCampaign, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    opened, path = sent

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            ingest(opened)
    with monkeypatch.context() as patched:
        patched.setattr(archive.shutil, "copyfileobj", killed)
        toy.parts(opened)[0].unlink()
        with pytest.raises(KeyboardInterrupt):
            ingest(opened)
    assert toy.parts(opened) == [] and path.exists()
    assert ingest(opened) == []
    assert len(toy.done_units(opened)) == 12 and not path.exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_torn_parcel_is_left_while_it_may_still_come(
    sent: tuple[OpenCampaign, Path], share: float, caplog: pytest.LogCaptureFixture
) -> None:
    opened, path = sent
    whole = path.read_bytes()
    end = whole.index(b"archive.json")
    path.write_bytes(whole[: int(share * end)])
    assert ingest(opened) == []
    assert path.exists() and "incomplete" in caplog.text
    assert toy.done_units(opened) == set()
    os.utime(path, (0, 0))
    found = verify(OpenCampaign(opened.root)).problems
    assert len(found) == 1 and "incomplete" in found[0] and "hpcml resume" in found[0]
    assert not path.exists() and (opened.layout.archives_set_aside / path.name).exists()
    assert verify(OpenCampaign(opened.root)).problems == []


def test_a_flipped_bit_is_found(sent: tuple[OpenCampaign, Path]) -> None:
    opened, path = sent
    raw = bytearray(path.read_bytes())
    raw[5000] ^= 1
    path.write_bytes(raw)
    assert "is damaged" in ingest(opened)[0]
    assert toy.parts(opened) == []


def _forge(path: Path, name: str, kind: bytes = tarfile.REGTYPE) -> None:
    """Put one more member into an archive, and into its note."""
    with tarfile.open(path) as tar:
        members = [(member, tar.extractfile(member)) for member in tar.getmembers()]
        contents = [(member, file.read() if file else b"") for member, file in members]
    note = contents.pop()
    bad = tarfile.TarInfo(name)
    bad.type, bad.linkname = kind, "/etc/passwd"
    text = note[1].replace(b'"members": {', f'"members": {{"{name}": [0, ""], '.encode())
    note[0].size = len(text)
    with tarfile.open(path, "w") as tar:
        for member, content in [*contents, (bad, b""), (note[0], text)]:
            tar.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../escaped.h5", tarfile.REGTYPE),
        ("parts/../../escaped.h5", tarfile.REGTYPE),
        ("/tmp/escaped.h5", tarfile.REGTYPE),
        ("parts/.hidden.h5", tarfile.REGTYPE),
        ("table.h5", tarfile.REGTYPE),
        ("parts/link.h5", tarfile.SYMTYPE),
        ("parts", tarfile.DIRTYPE),
    ],
)
def test_only_names_that_a_shard_writes(sent: tuple[OpenCampaign, Path], name: str, kind: bytes) -> None:
    opened, path = sent
    before = sorted(opened.root.parent.rglob("*"))
    _forge(path, name, kind)
    (said,) = ingest(opened)
    assert name in said and "nothing that a shard sends" in said
    after = sorted(one for one in opened.root.parent.rglob("*") if "set-aside" not in one.parts)
    assert after == [one for one in before if one != path]


def test_a_parcel_of_another_campaign_or_other_parameters(sent: tuple[OpenCampaign, Path]) -> None:
    opened, path = sent
    other = toy.planned(
        opened.root.parent, toy.step(parameters={"scale": 2.0}), root=opened.root.parent / "o"
    )
    other.layout.incoming.mkdir()
    shutil.copy(path, other.layout.incoming / path.name)
    assert "of another campaign" in ingest(other)[0]
    text = path.read_bytes().replace(opened.step("toy").units().fingerprint.encode(), b"0" * 32)
    path.write_bytes(text)
    assert "other parameters" in ingest(opened)[0]
