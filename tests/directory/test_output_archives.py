"""Output archives on their way back: ingested once, counted before that; torn, forged and foreign ones."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest
import toy
from isolated import Elsewhere, parts_in

from hpcml.commands.status import status
from hpcml.commands.verify import verify
from hpcml.directory.intake import ingest
from hpcml.directory.opened import OpenCampaign
from hpcml.store import output_archive as archive


@pytest.fixture
def sent(tmp_path: Path) -> tuple[OpenCampaign, Path]:
    """A campaign of one step, of which one archive with half the units has come back."""
    opened = toy.planned(tmp_path)
    there = Elsewhere(tmp_path / "job", opened, "toy")
    there.start(shards=2)
    return opened, there.send()[0]


def test_a_status_counts_what_is_not_ingested_yet_and_changes_nothing(
    sent: tuple[OpenCampaign, Path],
) -> None:
    opened, path = sent
    before = {one: one.read_bytes() for one in opened.root.rglob("*") if one.is_file()}
    (waiting,) = status(OpenCampaign(opened.root)).steps
    assert {one: one.read_bytes() for one in opened.root.rglob("*") if one.is_file()} == before
    assert ingest(opened) == [] and not path.exists()
    (ingested,) = status(OpenCampaign(opened.root)).steps
    assert 0 < ingested.done < len(opened.step("toy").units())
    assert (waiting.done, waiting.missing, waiting.parts) == (ingested.done, ingested.missing, ingested.parts)
    assert [shard.state for shard in waiting.shards] == [shard.state for shard in ingested.shards]


def test_a_torn_archive_counts_as_not_there(sent: tuple[OpenCampaign, Path]) -> None:
    opened, path = sent
    path.write_bytes(path.read_bytes()[:4000])
    (step,) = status(OpenCampaign(opened.root)).steps
    assert step.done == 0 and path.exists()


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
    assert parts_in(first) and parts_in(second) and not parts_in(first) & parts_in(second)
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
