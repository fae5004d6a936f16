"""Turns: one thread computes at a time, others while it waits, and a turn that fails or is nested is given up once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from runtime.graphs.turns import aside, in_turn

PATIENCE = 60


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    """However many there are here."""
    monkeypatch.setattr("runtime.graphs.turns._turn", threading.Semaphore(1))


def test_one_thread_has_its_turn_at_a_time():
    at_once, most, lock = 0, 0, threading.Lock()

    @in_turn
    def step(_):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        threading.Event().wait(0.01)
        with lock:
            at_once -= 1

    with ThreadPoolExecutor(4) as team:
        list(team.map(step, range(12)))
    assert most == 1


def test_others_have_theirs_while_one_is_aside():
    other = threading.Event()
    later = in_turn(other.set)

    @in_turn
    def waits():
        with aside():
            threading.Thread(target=later).start()
            return other.wait(PATIENCE)

    assert waits()


def test_nobody_else_has_it_within_a_nested_one():
    began, ended = threading.Event(), []
    inner = in_turn(lambda: None)
    other = in_turn(lambda: ended.append("other"))

    @in_turn
    def outer():
        thread = threading.Thread(target=lambda: (began.set(), other()))
        thread.start()
        began.wait(PATIENCE)
        inner()
        thread.join(0.2)
        ended.append("outer")
        return thread

    outer().join(PATIENCE)
    assert ended == ["outer", "other"]


def test_a_turn_that_fails_is_over():
    @in_turn
    def fails():
        with aside():
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fails()
    with ThreadPoolExecutor(1) as team:
        assert team.submit(in_turn(lambda: True)).result(PATIENCE)


def test_aside_without_a_turn_is_nothing():
    with aside():
        pass
    assert in_turn(lambda: True)()
