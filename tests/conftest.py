"""The order of the whole suite: files that take minutes come first, so that two workers end at the same time."""

import pytest

SLOW = (
    "tests/dashboard/test_browser.py",
    "tests/faults/test_promise.py",
    "tests/pipeline/test_demo.py",
    "tests/pipeline/test_command_line.py",
    "tests/dashboard/test_browser_states.py",
    "tests/dashboard/test_browser_use.py",
    "tests/faults/test_checks_can_fail.py",
    "tests/cli/test_processes.py",
    "tests/localcloud/test_spark.py",
    "tests/benchmarks/test_load_test.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {file: place for place, file in enumerate(SLOW)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(SLOW)))
