import pytest

from tests.ingest.harness import ingesting_clouds


@pytest.fixture
def ingesting(tmp_path):
    with ingesting_clouds(tmp_path) as (ingesting,):
        yield ingesting
