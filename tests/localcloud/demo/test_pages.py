"""Every page is opened, and a page that was broken on purpose is named."""

import os
import shutil
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from localcloud import dashboard
from localcloud.demo import pages as demo_pages
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.gcp.set_up import ROOT
from tests.seed import seed

pytestmark = pytest.mark.timeout(400)
NOW = datetime.now(UTC).replace(microsecond=0)
PLAY = {
    "listener_id": "listener-one", "played_at": NOW, "track_id": "a" * 22, "track_name": "Song", "artist_id": "ada",
    "artist_name": "Ada", "artist_names": "Ada", "album_id": "dawn", "album_name": "Dawn", "duration_ms": 180_000,
    "source": "api", "run_id": "20261122T100000Z", "ingested_at": NOW,
}  # fmt: skip
RUN = {
    "run_id": "20261122T100000Z", "slot": NOW, "step": "ingest", "state": "succeeded", "started_at": NOW,
    "finished_at": NOW, "details": '{"listeners": {"listener-one": {"state": "collected", "new": 1, "fetched": 1}}}',
}  # fmt: skip


@pytest.fixture
def laptop(tmp_path, monkeypatch):
    """A laptop cloud that holds one play, and a copy of the dashboard whose page When is broken."""
    copy = tmp_path / "dashboard"
    shutil.copytree(ROOT / "dashboard", copy, ignore=shutil.ignore_patterns("__pycache__", ".mypy_cache"))
    page = copy / "app_pages" / "when_page.py"
    page.write_text(page.read_text() + '\nraise LookupError("broken on purpose")\n')
    monkeypatch.setattr(dashboard, "DASHBOARD", copy)
    monkeypatch.setattr(demo_pages, "PAGES", ["overview", "track", "when"])
    with LaptopCloud(tmp_path / "cloud") as cloud:
        for name in cloud.environment.keys() - os.environ.keys():
            monkeypatch.setenv(name, cloud.environment[name])
        seed(cloud, "plays", [PLAY])
        seed(cloud, "runs", [RUN])
        yield SimpleNamespace(settings=cloud.environment, directory=tmp_path)


def test_a_page_that_is_broken_is_named_and_the_others_are_not(laptop, capfd):
    opened = {one.page: one.fault for one in demo_pages.open_pages(laptop)}
    assert opened.keys() == {"overview", "track", "when"}
    assert opened["when"].startswith("LookupError: ")
    assert (opened["overview"], opened["track"]) == (None, None)
    printed = capfd.readouterr().err
    assert 'raise LookupError("broken on purpose")' in printed
    assert "Service account email" not in printed


def test_every_page_of_the_dashboard_is_known():
    text = (ROOT / "dashboard" / "streamlit_app.py").read_text()
    assert demo_pages.PAGES
    assert all(f'"{page.capitalize()}"' in text for page in demo_pages.PAGES)
