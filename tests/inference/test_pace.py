"""A rate that is kept, and pauses that a server asks for."""

from __future__ import annotations

import email.utils
import time

import pytest

from nirank.inference.pace import Pace, parse_retry_after


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_requests_begin_evenly_and_no_faster_than_the_rate() -> None:
    clock = Clock()
    pace = Pace(30, clock.read, clock.sleep)
    starts = []
    for _ in range(4):
        pace.wait()
        starts.append(clock.now)
    assert starts == [100, 102, 104, 106]
    clock.now += 10  # nobody asked meanwhile: what was not used is not made good
    pace.wait()
    pace.wait()
    assert clock.now == 118


def test_without_a_rate_nobody_waits_but_for_a_pause() -> None:
    clock = Clock()
    pace = Pace(None, clock.read, clock.sleep)
    for _ in range(3):
        pace.wait()
    assert clock.now == 100
    pace.pause(7)
    pace.pause(3)
    pace.wait()
    assert clock.now == 107


@pytest.mark.parametrize(("value", "seconds"), [(None, 0), ("12", 12), (" 3 ", 3), ("soon", 0), ("-1", 0)])
def test_retry_after(value: str | None, seconds: float) -> None:
    assert parse_retry_after(value) == seconds


def test_retry_after_a_date() -> None:
    assert parse_retry_after(email.utils.formatdate(time.time() + 60, usegmt=True)) == pytest.approx(60, abs=2)
    assert parse_retry_after(email.utils.formatdate(time.time() - 60)) == 0
