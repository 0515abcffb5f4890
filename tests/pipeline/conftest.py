import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
STARTED, STOPPED = 180, 30
"""Seconds to wait at most; a loaded machine needs many of them."""


class Up:
    """`python -m localcloud up` as a person runs it, and the commands one gives beside it."""

    def __init__(self, data, *options, preexec_fn=None, **environment):
        self.data = data
        self.output_path = (ROOT / data).resolve().with_suffix(".out")
        with self.output_path.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "localcloud", "up", "--data", str(data), *options],
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=preexec_fn,
            )
        self.family = []

    @property
    def output(self):
        return self.output_path.read_text()

    def wait_for(self, text):
        deadline = time.monotonic() + STARTED
        while text not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.1)
        self._look()

    def wait_for_process(self, module):
        """Until one of its descendants runs this module of Python's."""
        deadline = time.monotonic() + STARTED
        while module not in self._command_lines():
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)

    def _command_lines(self):
        self._look()
        return [part for process in self.family for part in command_line(process)]

    def _look(self):
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number=signal.SIGINT):
        """Ctrl-C; the exit code."""
        self.process.send_signal(number)
        try:
            return self.process.wait(STOPPED)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # Python's fault handler writes where each thread is
            self.process.wait()
            pytest.fail(f"It goes on after signal {number}:\n{self.output}")


def survivors(family):
    _, alive = psutil.wait_procs(family, timeout=60)
    return [process.cmdline() for process in alive]


def command_line(process):
    try:
        return process.cmdline()
    except psutil.Error:  # it has ended since, or is another user's
        return []


def command(*arguments, **environment):
    """`python -m localcloud …`, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "localcloud", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def starting(directory):
    """Starts laptop clouds and leaves none behind, whatever the test comes to."""
    started = []

    def start(*options, data=directory / "cloud", **details):
        started.append(Up(data, *options, **details))
        return started[-1]

    yield start
    for up in started:
        if up.process.poll() is None:
            up.stop()
        for process in up.family:
            if process.is_running():
                process.kill()


@pytest.fixture
def start_up(tmp_path):
    with starting(tmp_path) as start:
        yield start
