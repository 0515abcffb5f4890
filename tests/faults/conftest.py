from collections.abc import Iterator

import pytest

from tests.faults.world import World, open_world


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_world() as world:
        yield world
