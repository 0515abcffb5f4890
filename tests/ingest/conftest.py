import sys
from pathlib import Path

import pytest

# A function's folder is its root, in the cloud and here.
sys.path.append(str(Path(__file__).parents[2] / "functions/ingest"))


@pytest.fixture
def ingesting(tmp_path):
    from tests.ingest.harness import ingesting_clouds

    with ingesting_clouds(tmp_path) as (ingesting,):
        yield ingesting
