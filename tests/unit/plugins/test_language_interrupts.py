"""SIGINT ends the language host whichever of its threads the kernel gives it to."""

import subprocess
import sys

HOST = """
import signal, threading, time
from sandbox.plugins.language_python.interrupts import Interrupts

def interrupt():
    time.sleep(0.3)  # the main thread sleeps by then, and an Event would leave it asleep
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

interrupts = Interrupts()
"""


def answer(script: str) -> str:
    """What the script prints last."""
    return subprocess.check_output([sys.executable, "-c", HOST + script], text=True, timeout=10).strip()


def test_a_signal_that_another_thread_gets_ends_the_wait() -> None:
    assert answer("threading.Thread(target=interrupt).start()\nprint(interrupts.wait(20))") == "True"


def test_a_signal_from_before_the_wait_counts() -> None:
    assert answer("signal.raise_signal(signal.SIGINT)\nprint(interrupts.wait(0))") == "True"


def test_without_a_signal_the_wait_ends_in_time() -> None:
    assert answer("print(interrupts.wait(0.1))") == "False"
