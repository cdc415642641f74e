"""Signals that end a command, also where Python drops their exception."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CAUGHT_IN_A_FINALIZER = """
import os, signal, sys, weakref
from mlukit.engine.launch.stop_signals import catch_stop_signals, check_stop
class Thing: pass
def end():
    os.kill(os.getpid(), int(sys.argv[1]))
    for _ in range(1000): pass  # the handler runs here
catch_stop_signals()
check_stop()
thing = Thing()
weakref.finalize(thing, end)
del thing
print("went on", flush=True)
try:
    check_stop()
except KeyboardInterrupt:
    check_stop()
    print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [2, 15])
def test_a_signal_within_a_finalizer_is_not_lost(number: int) -> None:
    command = [sys.executable, "-c", CAUGHT_IN_A_FINALIZER, str(number)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "went on\nstopped\n"), done.stderr
