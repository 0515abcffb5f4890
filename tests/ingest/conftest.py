import pytest


@pytest.fixture
def ingesting(tmp_path):
    from tests.ingest.harness import ingesting_clouds

    with ingesting_clouds(tmp_path) as (ingesting,):
        yield ingesting
