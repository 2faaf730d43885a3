from __future__ import annotations

import signal

import pytest

from ilk.training import stopping
from ilk.training.stopping import Stop


def test_the_first_signal_is_noted_and_its_echo_ignored():
    before = signal.getsignal(signal.SIGINT)
    with Stop() as stop:
        assert stop.signal is None
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert stop.signal == "SIGINT"
    assert signal.getsignal(signal.SIGINT) is before


@pytest.fixture
def interruptible():
    """Ctrl-C as at a terminal; it is ignored in a process that was started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_second_signal_acts(interruptible, monkeypatch):
    monkeypatch.setattr(stopping, "GRACE", -1.0)
    with Stop() as stop, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
        assert stop.signal == "SIGINT"
        signal.raise_signal(signal.SIGINT)
