import pytest


@pytest.fixture
def owner(tmp_path, monkeypatch):
    from tests.cli.harness import owning

    with owning(tmp_path, monkeypatch) as owner:
        yield owner


@pytest.fixture
def listener(owner):
    from tests.cli.harness import ONE

    owner.has_listener(ONE)


@pytest.fixture
def importing(owner, capsys):
    from tests.cli.import_history.harness import importing_owner

    with importing_owner(owner, capsys) as importing:
        yield importing


@pytest.fixture
def ingesting(tmp_path):
    from tests.ingest.harness import ingesting_clouds

    with ingesting_clouds(tmp_path) as (ingesting,), ingesting.settings():
        yield ingesting
