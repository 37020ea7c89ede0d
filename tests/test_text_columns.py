"""Columns of dtype `str` in real campaigns: one digest and one text however they were made and kept."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import toy
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from toy_columns import Words
from toy_workloads import ToyParameters

from hpcml.directory.opened import OpenCampaign
from hpcml.errors import IntegrityError
from hpcml.store import sealing
from hpcml.store.table import StepTable
from hpcml.testing import run_in_memory


def table_of(opened: OpenCampaign) -> StepTable:
    return OpenCampaign(opened.root).step("toy").table()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], StepTable]:
    """Digests and table of the campaign computed by one process in one shard."""
    opened = toy.computed(tmp_path_factory.mktemp("words"), toy.step(workload="Words", file=toy.COLUMNS))
    return toy.merge_here(opened), table_of(opened)


@pytest.fixture
def reference(first: tuple[dict[str, str], StepTable]) -> dict[str, str]:
    return first[0]


def test_a_campaign_and_a_run_in_memory_give_the_same_text(tmp_path: Path) -> None:
    opened = toy.computed(tmp_path, toy.step("step", workload="Words", file=toy.COLUMNS))
    toy.merge_here(opened, "step")
    table = OpenCampaign(opened.root).step("step").table()
    for name, column in run_in_memory(Words(ToyParameters()), seed=7).tables["words"].items():
        assert np.array_equal(table.array(name), column) and table.array(name).dtype == column.dtype, name


def test_text_comes_back_as_it_was_returned(tmp_path: Path) -> None:
    opened = toy.computed(tmp_path, toy.step(workload="Words", file=toy.COLUMNS))
    toy.merge_here(opened)
    table = table_of(opened)
    word, pair = table.columns("words", "word", "pair")
    assert word.dtype.kind == "U" and "wide " * 800 in word and "" in word
    assert any("\u6f22" in one for one in word.tolist())
    assert pair.shape == (len(word), 2) and pair[:, 0].tolist() == [one[:3] for one in word.tolist()]
    # fixed width, UTF-8: HDF5 readers know it as text
    with h5py.File(table.layout.table) as file:
        stored = file["words/word"]
        assert stored.asstr()[:].tolist() == word.tolist()
        assert stored.dtype.itemsize == 4000
    assert table.frame("words")["word"].tolist() == word.tolist()


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    shards=st.integers(1, 24),
    order=st.randoms(use_true_random=False),
    seal_bytes=st.sampled_from([1, 300, 1 << 20]),
    write_seconds=st.sampled_from([0.0, 0.05]),
    padding=st.sampled_from([0, 1 << 20]),
    sorted_text=st.sampled_from([0, 1 << 20]),
    workload=st.sampled_from(["Words", "KeptWords"]),
    compression=st.sampled_from(["none", "gzip"]),
)
def test_text_and_digest_do_not_depend_on_how_they_were_made(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, reference: dict[str, str],
    first: tuple[dict[str, str], StepTable], shards: int, order: Any, seal_bytes: int, write_seconds: float,
    padding: int, sorted_text: int, workload: str, compression: str,
) -> None:  # fmt: skip
    monkeypatch.setattr("hpcml.store.recorder.SEAL_BYTES", seal_bytes)
    monkeypatch.setattr("hpcml.store.recorder.WRITE_SECONDS", write_seconds)
    monkeypatch.setattr("hpcml.store.recorder.PADDING", padding)
    monkeypatch.setattr(sealing, "SORTED_TEXT", sorted_text)
    step = toy.step(
        workload=workload, file=toy.COLUMNS, resources={"shards": shards}, compression=compression
    )
    opened = toy.planned(tmp_path_factory.mktemp("order"), step)
    turns = list(range(shards))
    order.shuffle(turns)
    for shard in turns:
        assert toy.work_here(opened, shard=shard) == 0
    assert toy.merge_here(opened) == reference
    assert toy.verified(opened) == {f"toy/{name}": digest for name, digest in reference.items()}
    for name in first[1].column_names():
        assert np.array_equal(table_of(opened).array(name), first[1].array(name)), name


@pytest.mark.parametrize("killed", ["u00003", "u00017", "u00023"])
def test_a_killed_rank_loses_no_text(tmp_path: Path, reference: dict[str, str], killed: str) -> None:
    opened = toy.planned(tmp_path, toy.step(workload="Words", file=toy.COLUMNS))
    ended = toy.hpcml("work", opened.root, "--step", "toy", TOY_KILL=killed, TOY_WRITE_SECONDS=0)
    assert ended.code != 0 and toy.logs(opened)
    left = toy.done_units(opened)
    assert left
    log = tmp_path / "toy.log"
    again = toy.hpcml("work", opened.root, "--step", "toy", TOY_LOG=log)
    assert again.code == 0, again.stderr
    assert not left & {line.key for line in toy.said(log, "end")}
    assert toy.merge_here(opened) == reference


def test_doubled_units_agree_though_their_parts_differ_in_width(
    tmp_path: Path, reference: dict[str, str]
) -> None:
    """Two copies of one unit, beside a wide text in one part and alone in the other."""
    opened = toy.computed(tmp_path, toy.step(workload="Words", file=toy.COLUMNS))
    several = toy.planned(
        tmp_path / "b", toy.step(workload="Words", file=toy.COLUMNS, resources={"shards": 24})
    )
    for shard in range(24):
        assert toy.work_here(several, shard=shard) == 0
    step = OpenCampaign(opened.root).step("toy")
    identity, units = step.identity(), step.units()
    from hpcml.store.blocks import SealedReader
    from hpcml.store.frames import Frame
    from hpcml.store.parts import write_part

    for number, path in enumerate(toy.parts(several)):
        reader = SealedReader(path)
        ids = reader.header.ids
        columns = {name: reader.array(f"words/{name}") for name in ("word", "pair", "number")}
        rows = reader.array("index/words")[:, 1].astype("<u4")
        frame = Frame(ids.astype("<u4"), {"words": rows}, {"words": columns}, 1.0, 0.0)
        copy = step.layout.part(int(ids[0]), int(ids[-1]), len(ids), shard=1, rank=0, token=f"{number:012x}")
        write_part(copy, frame, keys=units.keys[ids], schema=units.schema, identity=identity, about={})
        reader.close()
    assert toy.merge_here(opened) == reference


def test_other_text_for_a_unit_is_a_contradiction(tmp_path: Path) -> None:
    opened = toy.planned(tmp_path, toy.step(workload="Words", file=toy.COLUMNS, resources={"shards": 2}))
    assert toy.work_here(opened, shard=0) == 0 and toy.work_here(opened, shard=1) == 0
    aside = [path.rename(tmp_path / path.name) for path in toy.parts(opened)]
    lie = toy.hpcml("work", opened.root, "--step", "toy", "--shards", "1", TOY_WORD="other")
    assert lie.code == 0, lie.stderr
    for path in aside:
        path.rename(opened.step("toy").layout.parts / path.name)
    with pytest.raises(IntegrityError, match="two different results"):
        toy.merge_here(opened)


def test_pytables_reads_text(tmp_path: Path) -> None:
    tables = pytest.importorskip("tables")
    opened = toy.computed(tmp_path, toy.step(workload="Words", file=toy.COLUMNS, parameters={"n": 12}))
    toy.merge_here(opened)
    found = table_of(opened)
    with tables.open_file(found.layout.table) as file:
        raw = file.get_node("/words/word")[:]
    assert [one.decode() for one in raw.tolist()] == found.array("word").tolist()


def test_a_wide_text_among_many_rows_stays_within_memory(tmp_path: Path) -> None:
    """800 bytes per row in the table; the merge holds a few windows of it, never all."""
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from hpcml.directory.opened import OpenCampaign\n"
        "from hpcml.commands.merge import merge\n"
        "opened = OpenCampaign(Path(sys.argv[1]))\n"
        "merge(opened, opened.step('toy'))\n"
        "from hpcml.worker.allocation import usage\n"
        "print(usage()[1])\n"
    )
    opened = toy.planned(tmp_path, toy.step(workload="ManyWords", file=toy.COLUMNS, parameters={"n": 40}))
    assert toy.work_here(opened) == 0
    ended = subprocess.run(
        ["python", "-c", script, opened.root], env={**os.environ}, text=True, capture_output=True, check=True
    )
    assert (size := table_of(opened).layout.table.stat().st_size) > 600 << 20, size
    assert int(ended.stdout) < 300 << 20
