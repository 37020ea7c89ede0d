"""The last error of a shard is in the journal, where `run` and `resume` find it without searching a log."""

from __future__ import annotations

from pathlib import Path

import pytest
import toy

from hpcml.attempts.output import ERROR_EVENTS, ShardError, last_error
from hpcml.commands.work import work
from hpcml.directory.history import History
from hpcml.errors import UsageError
from hpcml.worker.assignment import ShardRequest


def _last_error(root: Path, shard: int) -> ShardError | None:
    return last_error(History.read(root / "journal", events=ERROR_EVENTS).entries, "toy", shard, 1)


def test_an_error_of_all_ranks_is_recorded_with_its_hint(tmp_path: Path) -> None:
    opened = toy.planned(tmp_path, resources={"shards": 2})
    opened.step("toy").layout.units.unlink()
    opened.step("toy").layout.units_copy.unlink()
    assert _last_error(opened.root, 1) is None
    with pytest.raises(Exception) as caught:
        toy.work_here(opened, shard=1)
    found = _last_error(opened.root, 1)
    assert found is not None
    assert found == ShardError(caught.value.exit_code, caught.value.message, caught.value.hint)  # type: ignore[attr-defined]
    assert _last_error(opened.root, 0) is None, "another shard has no error"


def test_a_bug_is_recorded_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = toy.planned(tmp_path)

    def broken(*_: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr("hpcml.commands.work.Rank", broken)
    with pytest.raises(KeyError):
        toy.work_here(opened)
    assert _last_error(opened.root, 0) == ShardError(1, "KeyError: 'oops'")


def test_a_later_start_makes_an_error_obsolete(tmp_path: Path) -> None:
    opened = toy.planned(tmp_path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("hpcml.commands.work.Rank", None)  # not callable: a bug
        with pytest.raises(TypeError):
            toy.work_here(opened)
    assert _last_error(opened.root, 0) is not None
    toy.work_here(opened)
    assert _last_error(opened.root, 0) is None


def test_nothing_is_written_beside_what_is_no_campaign(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        work(ShardRequest(tmp_path / "absent", "toy"))
    assert list(tmp_path.iterdir()) == []
