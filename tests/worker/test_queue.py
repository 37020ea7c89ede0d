"""The queue of a node: every position exactly once, whatever chunks come back. Processes: test_mpi.py."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpcml.worker import queue as dealing
from hpcml.worker.queue import Queue


@pytest.fixture
def path() -> Iterator[Path]:
    made = Queue.create(100)
    yield made
    made.unlink(missing_ok=True)


@given(st.integers(0, 400), st.integers(1, 5), st.integers(0, 10**6))
def test_positions_are_dealt_exactly_once(n: int, ranks: int, seed: int) -> None:
    """Ranks in random turns, with random lengths of chunks, giving back at random."""
    dice = random.Random(seed)
    path = Queue.create(n)
    queues = [Queue(path, ranks) for _ in range(ranks)]
    path.unlink()
    hands: dict[int, list[int]] = {rank: [] for rank in range(ranks)}
    seen: list[int] = []
    busy = list(range(ranks))
    while busy:
        rank = dice.choice(busy)
        queue, hand = queues[rank], hands[rank]
        if not hand:
            others = any(hands[other] for other in range(ranks) if other != rank)
            if others and queue.drawn() == n:
                busy_hands = [other for other in range(ranks) if hands[other]]
                rank = dice.choice(busy_hands)  # a draw could wait for them: let them go on first
                queue, hand = queues[rank], hands[rank]
            else:
                hand.extend(queue.draw())
                queue._seconds = dice.choice([1e-6, 1e-4, 1.0])
                if not hand:
                    busy.remove(rank)
                continue
        seen.append(hand.pop(0))
        if hand and dice.random() < 0.3 and queue.give_back(range(hand[0], hand[-1] + 1)):
            hand.clear()
        if not hand:
            queue._settle()  # a rank draws at once when its hand is empty; here it may be another's turn
    assert sorted(seen) == list(range(n))
    for queue in queues:
        queue.close()


def test_what_comes_back_is_dealt_one_by_one(path: Path) -> None:
    first, second = Queue(path, 2), Queue(path, 2)
    first._seconds = 1e-5
    chunk = first.draw()
    assert len(chunk) > 3
    assert first.give_back(range(chunk.start + 1, chunk.stop))
    assert [len(second.draw()) for _ in range(3)] == [1, 1, 1]


def test_a_rank_waits_for_chunks_that_may_come_back(path: Path) -> None:
    """Near the end a rank without work stays while another may still return some of its chunk."""
    import threading

    first, second = Queue(path, 2), Queue(path, 2)
    first._seconds = 1e-6
    held = first.draw()
    while second.drawn() < 100:
        second.draw()
        second._seconds = 1e-9
    second._settle()
    got: list[range] = []
    waiting = threading.Thread(target=lambda: got.append(second.draw()))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    first.give_back(range(held.stop - 1, held.stop))
    waiting.join(10)
    assert got == [range(held.stop - 1, held.stop)]


def test_chunks_grow_while_units_are_short_and_shrink_at_the_end(path: Path) -> None:
    queue = Queue(path, 2)
    assert len(queue.draw()) == 1
    queue._seconds = 1e-9
    sizes = []
    while chunk := queue.draw():
        sizes.append(len(chunk))
    assert sizes[0] > 10 and sizes[-1] == 1 and sum(sizes) == 99


def test_queues_that_killed_ranks_left_are_removed(path: Path) -> None:
    """A queue in use has no name any more, so an old name is nobody's."""
    import os

    os.utime(path, (1, 1))
    fresh, other = Queue.create(1), Queue.create(1)
    assert not path.exists() and fresh.exists()
    fresh.unlink()
    other.unlink()


def test_a_stopped_queue_deals_nothing(path: Path) -> None:
    first, second = Queue(path, 2), Queue(path, 2)
    assert first.draw()
    second.stop()
    assert first.stopped and not first.draw() and not second.draw()


def test_a_full_stack_leaves_the_chunk_with_its_rank(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dealing, "STACK", 1)
    queue = Queue(path, 1)
    assert queue.give_back(range(1, 2))
    assert not queue.give_back(range(2, 3))


def test_a_chunk_that_turns_out_long_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(dealing.time, "perf_counter", lambda: clock[0])
    queue = Queue(path, 2)
    queue._seconds = 1e-5
    chunk = queue.draw()
    assert len(chunk) > 1
    assert not queue.too_long(1)
    clock[0] += 2 * dealing.GIVE_BACK_SECONDS
    assert queue.too_long(1)
