import pytest

from tests.load.harness import loading_cloud


@pytest.fixture
def loading(tmp_path):
    with loading_cloud(tmp_path) as loading:
        yield loading
