"""What the dashboard's tests share: its folder on the import path, as Streamlit puts it there, and a browser."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DASHBOARD = Path(__file__).parents[2] / "dashboard"
if str(DASHBOARD) not in sys.path:
    sys.path.insert(0, str(DASHBOARD))

from tests.dashboard.browsing import Browser, browsing, serving  # noqa: E402 -- needs the path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not longer: while it is open, no other code of this process can drive a browser."""
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def state_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Says which state the warehouse is in."""
    path = tmp_path_factory.mktemp("invented") / "state"
    path.write_text("")
    return path


@pytest.fixture(scope="module")
def address(state_file: Path) -> Iterator[str]:
    """Where the dashboard is, over the invented warehouse in its state."""
    with serving(state_file) as address:
        yield address
