"""Threads that overlap: order kept, memory bounded, errors raised where they matter, nothing left running."""

import threading
import time

import pytest

from runtime.many.pipeline import Sink, prefetch


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    yield
    assert threading.active_count() <= before  # those of engines that nobody holds any more may end meanwhile


def test_items_come_in_order():
    with prefetch(range(100), depth=3) as items:
        assert list(items) == list(range(100))


def test_no_more_than_the_depth_is_made_ahead():
    made, full = [], threading.Event()

    def source():
        for item in range(100):
            made.append(item)
            if len(made) == 6:
                full.set()
            yield item

    with prefetch(source(), depth=4) as items:
        next(items)
        assert full.wait(60)  # taken, waiting, in hand
        time.sleep(0.3)  # were there no bound, it would be far ahead by now
        assert len(made) == 1 + 4 + 1


def test_making_overlaps_with_using():
    """Each side waits, in the middle of its work on an item, for the other to work on another one."""
    made = [threading.Event() for _ in range(6)]
    used = [threading.Event() for _ in range(6)]

    def source():
        for item in range(6):
            if item >= 2:
                assert used[item - 2].wait(60)
            made[item].set()
            yield item

    with prefetch(source(), depth=6) as items:
        for item in items:
            if item < 5:
                assert made[item + 1].wait(60)  # made while this one is in use
            used[item].set()


def test_an_error_in_the_source_is_raised_after_what_came_before():
    def source():
        yield 1
        raise ZeroDivisionError("here")

    seen = []
    with prefetch(source(), depth=3) as items:
        seen.append(next(items))
        with pytest.raises(ZeroDivisionError, match="here"):
            next(items)
    assert seen == [1]


def test_leaving_early_stops_and_closes_the_source():
    closed = threading.Event()

    def source():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    def interrupted():
        with prefetch(source(), depth=2) as items:
            next(items)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert closed.is_set()


def test_a_sink_consumes_all_in_order_before_it_is_left():
    got = []

    def slow(item):
        time.sleep(0.005)
        got.append(item)

    with Sink(slow, depth=2) as sink:
        for item in range(30):
            sink.put(item)
    assert got == list(range(30))


def test_an_error_of_a_sink_stops_the_feeder():
    def fail(item):
        raise OSError("disk full")

    handed = []

    def feed():
        with Sink(fail, depth=1) as sink:
            for item in range(1000):
                sink.put(item)
                handed.append(item)

    with pytest.raises(OSError, match="disk full"):
        feed()
    assert len(handed) < 10


def test_an_error_on_the_very_last_item_is_not_lost():
    def fail(item):
        time.sleep(0.05)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), Sink(fail, depth=5) as sink:
        sink.put(1)  # taken at once; it fails when nobody hands over anything any more


def test_the_feeders_own_error_wins_and_what_waits_is_dropped():
    got = []

    def slow(item):
        time.sleep(0.02)
        got.append(item)

    def feed():
        with Sink(slow, depth=50) as sink:
            for item in range(50):
                sink.put(item)
            raise KeyError

    with pytest.raises(KeyError):
        feed()
    assert len(got) < 10
