import pytest

from tests.cli.harness import ONE, owning
from tests.cli.import_history.harness import importing_owner
from tests.ingest.harness import ingesting_clouds


@pytest.fixture
def owner(tmp_path, monkeypatch):
    with owning(tmp_path, monkeypatch) as owner:
        yield owner


@pytest.fixture
def ready(owner):
    """A project whose owner has done everything but the dashboard."""
    owner.knows_app()
    owner.has_listener(ONE)
    return owner


@pytest.fixture
def listener(owner):
    owner.has_listener(ONE)


@pytest.fixture
def importing(owner, capsys):
    with importing_owner(owner, capsys) as importing:
        yield importing


@pytest.fixture
def ingesting(tmp_path):
    with ingesting_clouds(tmp_path) as (ingesting,), ingesting.settings():
        yield ingesting
