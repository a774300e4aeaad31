"""Questions on a terminal."""

import os
import pty
import subprocess
import sys

import pytest

# A child asks, because the keys send signals to the process that has the terminal.
ASK = """
import fcntl, termios
from slipway import interrupts
from slipway.cli.console import make_prompter
from slipway.errors import Interrupted

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
with interrupts.deferred():
    try:
        print(make_prompter(False).confirm("Apply this to prod?"))
    except Interrupted as error:
        print(error)
"""


def answer(key: bytes) -> str:
    """Press a key at the question until it is answered, and return what the program makes of it."""
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        (sys.executable, "-c", ASK), stdin=end, stdout=subprocess.PIPE, stderr=end, start_new_session=True
    )
    os.close(end)
    try:
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(terminal, 1024)
        for _ in range(100):
            os.write(terminal, key)  # a signal just before the program reads does not end the read
            try:
                return process.communicate(timeout=0.2)[0].decode().strip()
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError("the question does not end")
    finally:
        process.kill()
        os.close(terminal)


@pytest.mark.parametrize(
    ("key", "result"),
    [(b"\x03", "interrupted"), (b"\x04", "interrupted"), (b"y\n", "True"), (b"\n", "False")],
)
def test_a_question_is_answered_or_interrupted(key: bytes, result: str) -> None:
    """Ctrl-C and Ctrl-D end a question like any other step, so that the command can clean up."""
    assert answer(key) == result
