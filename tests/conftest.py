"""The whole suite: its order, the end of every process that a test started, and where the time went."""

import ctypes
import functools
import gc
import locale
import logging
import os
import signal
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis
import psutil
import pytest
from google.auth.crypt import RSASigner
from hypothesis.internal.conjecture import providers
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import NodeManager

from localcloud import processes

# A function's folder is its root, in the cloud and here; tests of contracts need several in one process.
sys.path += map(str, Path(__file__).parents[1].glob("functions/*"))

# The user's git configuration has no effect: only .gitignore says what git ignores. Nor have the variables with which a
# git hook that runs the tests would lead their git commands into its own repository.
os.environ |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.excludesFile", "GIT_CONFIG_VALUE_0": os.devnull}
for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
    os.environ.pop(name, None)

# Neither the machine's load nor chance decides: each property's examples follow from its source. Fresh ones on demand:
# `--hypothesis-profile=default`. Constants of the modules that are loaded would differ with what a worker ran before.
hypothesis.settings.register_profile(
    "dependable", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("dependable")
pytest.MonkeyPatch().setattr(providers, "_get_local_constants", providers.Constants)

# Each of Google's clients reads the key file anew: checking its one key took a tenth of the time of a function's tests.
RSASigner.from_string = functools.cache(RSASigner.from_string)  # type: ignore[method-assign]

# As the commands do: a proxy or a ~/.netrc of the computer's is no part of a test.
processes.call_directly()

# Seconds. A worker at its test does not hear that the run is stopped; pytest_unconfigure ends it.
NodeManager.EXIT_TIMEOUT = 1

_PR_SET_CHILD_SUBREAPER = 36
SLOW = (
    "tests/dashboard/browser/test_every_page.py",
    "tests/pipeline/test_demo.py",
    "tests/faults/test_promise.py",
    "tests/spark_jobs/test_any_value.py",
    "tests/pipeline/test_command_line.py",
    "tests/faults/test_checks_can_fail.py",
    "tests/terraform/test_grants.py",
    "tests/contracts/test_sql_is_googlesql.py",
    "tests/cli/test_processes.py",
    "tests/localcloud/spark/test_batch.py",
    "tests/ingest/test_stops.py",
    "tests/test_suite.py",
)
"""Files that take longest come first, so that two workers end at the same time."""
IN_ONE_WORKER = (
    ("tests/dashboard/browser/",),  # a server of the dashboard
    (
        "tests/dashboard/pages/",
        "tests/dashboard/components/test_filter_bar.py",
        "tests/dashboard/pipeline/test_ledger.py",
    ),  # the full warehouse, read
    ("tests/spark_jobs/", "tests/benchmarks/test_spark.py"),  # a JVM
    ("tests/terraform/",),  # an apply
    ("tests/contracts/test_queries.py", "tests/contracts/test_sql_is_googlesql.py"),  # Google's analyzer
)
"""Files of one worker, which starts once what all of them need."""
NEEDS_TIME = {"app", "cloud", "importing", "ingesting", "laptop", "loading", "owner", "private", "triggering", "world"}
"""Fixtures that start a laptop cloud or the dashboard for each test."""
IN_SHORT = (
    "tests/cli/test_listeners.py",
    "tests/dashboard/pages/test_empty.py",
    "tests/ingest/test_run.py",
    "tests/load/test_load.py",
    "tests/transform_trigger/test_transform_trigger.py",
)
"""One file with such fixtures for each part, which `make test-quick` runs all the same."""
ELSEWHERE = tuple(f"tests/{name}" for name in ("benchmarks/", "checks/", "faults/", "pipeline/", "terraform/", "test_"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {file: place for place, file in enumerate(SLOW)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(SLOW)))
    for item in items:
        needs_time = NEEDS_TIME & set(getattr(item, "fixturenames", ()))
        if item.nodeid.startswith((*SLOW, *ELSEWHERE)) or (needs_time and not item.nodeid.startswith(IN_SHORT)):
            item.add_marker("slow")


class _Together(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return next((files[0] for files in IN_ONE_WORKER if nodeid.startswith(files)), super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Together:
    return _Together(config, log)


def pytest_configure() -> None:
    """In each worker, too: a signal ends the run as Ctrl-C does; on Linux orphans become this process's children."""
    processes.end_on_signals()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def pytest_unconfigure() -> None:
    """End every process that descends from this one."""
    family = psutil.Process().children(recursive=True)
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(family, timeout=10)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Seconds that the tests of each folder took, beside pytest's own list of the slowest tests."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid.partition("::")[0].rpartition("/")[0]] += report.duration
    terminalreporter.section("seconds per folder")
    for folder, total in sorted(seconds.items(), key=lambda item: -item[1]):
        terminalreporter.line(f"{total:8.1f}  {folder}")


@pytest.fixture(scope="module", autouse=True)
def _process_is_left_as_found() -> Iterator[None]:
    """What stays behind changes what the next module's tests see, in whichever order they run."""
    paths, before = list(sys.path), _state()
    yield
    sys.path[:] = paths  # functions-framework adds a function's folder each time that it loads one
    assert _state() == before


def _state() -> dict[str, object]:
    """Of this process: what a test or what it calls may set for all of it."""
    return {
        "settings": _settings(),
        "folder": Path.cwd(),
        "zone": time.tzname,
        "locale": locale.setlocale(locale.LC_ALL),
        "log": (logging.root.manager.disable, logging.root.level),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
        "umask": _umask(),
        "sockets": socket.getdefaulttimeout(),
        "recursion": sys.getrecursionlimit(),
    }


def _umask() -> int:
    """A process reads its umask only by setting another one: here one that lets no other user read."""
    os.umask(before := os.umask(0o077))
    return before


def _settings() -> dict[str, str]:
    """The environment without what pytest, functions-framework, ingest and the one Spark session write there."""
    ignored = ("DISABLE_GCS_", "FUNCTION_", "JAVA_HOME", "PYSPARK_", "PYTEST_CURRENT_TEST", "SPARK_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ignored)}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """No garbage is collected while a test runs.

    Where a test drives the code to the interpreter's recursion limit, a finalizer that runs there fails, and pytest's
    report of it fails in turn.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
