"""What the dashboard's tests share: its folder on the import path, as Streamlit puts it there, and a browser."""

import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner

DASHBOARD = Path(__file__).parents[2] / "dashboard"
if str(DASHBOARD) not in sys.path:
    sys.path.insert(0, str(DASHBOARD))

from tests.dashboard.browser.browser import Browser, browsing, serving  # noqa: E402 -- needs the path
from tests.dashboard.pages.app import app as app  # noqa: E402
from tests.dashboard.pages.app import full as full  # noqa: E402
from tests.dashboard.pages.app import private as private  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def one_scan_for_components() -> Iterator[None]:
    """AppTest looks for components in every installed distribution, for each app anew: longer than a page takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not longer: while it is open, no other code of this process can drive a browser."""
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="session")
def state_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Says which state the warehouse is in."""
    path = tmp_path_factory.mktemp("invented") / "state"
    path.write_text("")
    return path


@pytest.fixture(scope="session")
def address(state_file: Path) -> Iterator[str]:
    """Where the dashboard is, over the invented warehouse in its state."""
    with serving(state_file) as address:
        yield address


@pytest.fixture
def in_state(state_file: Path) -> Iterator[Callable[[str], object]]:
    """Puts the warehouse into a state until the test's end."""
    yield state_file.write_text
    state_file.write_text("")
