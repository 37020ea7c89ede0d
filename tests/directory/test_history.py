"""The journal as a History: order, growth, damage; and that no command reads a journal file twice."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import toy
from hypothesis import given, settings
from hypothesis import strategies as st

from hpcml.directory.history import History
from hpcml.store import journal
from hpcml.store.journal import Journal

EVENTS = ("unit-failed", "failures-forgiven", "shard-done")


def lines(entries: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


entries_of_writers = st.lists(
    st.lists(
        st.fixed_dictionaries({
            "time": st.floats(0, 1e9, allow_nan=False),
            "event": st.sampled_from(EVENTS),
            "step": st.sampled_from(["a", "b"]),
            "unit": st.sampled_from(["u0", "u1"]),
        }),
        max_size=6,
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(writers=entries_of_writers, cuts=st.lists(st.integers(0, 400), min_size=4, max_size=4))
def test_reading_in_two_goes_gives_what_reading_at_once_gives(
    tmp_path_factory: pytest.TempPathFactory, writers: list[list[dict[str, Any]]], cuts: list[int]
) -> None:
    """Wherever the first reading meets the files, also inside a line."""
    folder = tmp_path_factory.mktemp("journal")
    texts = [lines(entries) for entries in writers]
    for number, (text, cut) in enumerate(zip(texts, cuts, strict=False)):
        (folder / f"w{number}.jsonl").write_bytes(text[:cut])
    first = History.read(folder)
    for number, text in enumerate(texts):
        (folder / f"w{number}.jsonl").write_bytes(text)
    both, once = first.updated(folder), History.read(folder)
    key = json.dumps
    assert sorted(map(key, both.entries)) == sorted(map(key, once.entries))
    assert [one["time"] for one in both.entries] == sorted(one["time"] for one in once.entries)
    assert both.read_to == once.read_to
    for step in ("a", "b"):
        assert len(once.of("shard-done", step=step)) == sum(
            one["event"] == "shard-done" and one["step"] == step for entries in writers for one in entries
        )


def test_entries_that_are_added_are_in_order_and_the_old_history_stays() -> None:
    old = History(({"time": 2.0, "event": "x"},))
    new = old.with_entries({"time": 1.0, "event": "x"})
    assert [one["time"] for one in new.entries] == [1.0, 2.0] and len(old.entries) == 1


def test_failures_count_since_they_were_forgiven() -> None:
    failed = [{"time": float(at), "event": "unit-failed", "step": "a", "unit": "u"} for at in range(3)]
    forgiven = {"time": 1.5, "event": "failures-forgiven", "step": "a"}
    assert History(tuple(failed)).failures("a").counts == {"u": 3}
    assert History().with_entries(*failed, forgiven).failures("a").counts == {"u": 1}
    assert History(tuple(failed)).failures("b").counts == {}
    assert History(tuple(failed)).failures("a").at_limit(3) == {"u"}
    assert History(tuple(failed)).failures("a").at_limit(4) == frozenset()


def test_only_the_events_asked_for_are_parsed(tmp_path: Path) -> None:
    Journal(tmp_path).write("unit-failed", step="a", unit="u")
    Journal(tmp_path).write("merged", step="a")
    assert [one["event"] for one in History.read(tmp_path, events=("merged",)).entries] == ["merged"]


VERBS = (
    ("status",), ("explain",), ("units",), ("logs",), ("status", "--efficiency"), ("cancel",),
    ("resume",), ("resume", "--dry-run"), ("resume", "--retry-failed"), ("render",),
)  # fmt: skip


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_no_command_reads_a_journal_file_twice(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    opened = submitted(tmp_path, monkeypatch)
    reads: Counter[str] = Counter()
    read = journal._read_from
    monkeypatch.setattr(journal, "_read_from", lambda path, at: reads.update([path]) or read(path, at))
    verb, *options = words
    assert toy.hpcml_here(capsys, verb, opened.root, *options).code in (0, 3)
    assert reads and set(reads.values()) == {1}
    before = {str(path) for path in opened.layout.journal.glob("*.jsonl")}
    assert len([path for path in reads if path in before]) >= 3


def test_a_run_reads_each_byte_of_the_journal_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two steps with units that fail: the reasons come from files that the ranks wrote."""
    monkeypatch.setenv("TOY_FAIL", "u00001")
    steps = [toy.step(name, parameters={"n": 4}, max_attempts=1) for name in ("first", "second")]
    opened = toy.planned(tmp_path, *steps)
    reads: Counter[tuple[str, int]] = Counter()
    read = journal._read_from
    monkeypatch.setattr(journal, "_read_from", lambda path, at: reads.update([(path, at)]) or read(path, at))
    assert toy.hpcml_here(capsys, "run", opened.root, "--allow-missing").code == 0
    assert reads and set(reads.values()) == {1}


def submitted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A campaign whose journal has a submission, its ranks' words and a failure, each by another writer."""
    fakes = Path(__file__).resolve().parent.parent / "fakes"
    replies = folder / "replies"
    replies.mkdir()
    monkeypatch.setenv("FAKE_REPLIES", str(replies))
    monkeypatch.setenv("PATH", f"{fakes}:{journal.os.environ['PATH']}")
    for command, text in (("sbatch", "41\n"), ("squeue", ""), ("sacct", ""), ("scancel", "")):
        for suffix, content in (("out", text), ("err", ""), ("sleep", "0"), ("code", "0")):
            (replies / f"{command}.1.{suffix}").write_text(content)
    opened = toy.planned(folder, toy.step(parameters={"n": 6}), site="slurm")
    assert toy.hpcml("submit", opened.root).code == 0
    Journal(opened.layout.journal).write(
        "shard-started", step="toy", shard=0, attempt=1, units=6, ranks=1, host="n1"
    )
    Journal(opened.layout.journal).write(
        "unit-failed", step="toy", shard=0, unit=opened.step("toy").units().key(1), attempt=1, rank=0,
        host="n1", error="ValueError: x", traceback="",
    )  # fmt: skip
    return opened
