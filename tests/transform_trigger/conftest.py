import pytest

from tests.transform_trigger.harness import triggering_cloud


@pytest.fixture
def triggering(tmp_path):
    with triggering_cloud(tmp_path) as triggering:
        yield triggering
