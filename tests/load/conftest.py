import sys
from pathlib import Path

import pytest

from tests.load.harness import loading_cloud

# A function's folder is its root, in the cloud and here.
sys.path.append(str(Path(__file__).parents[2] / "functions/load"))


@pytest.fixture
def loading(tmp_path):
    with loading_cloud(tmp_path) as loading:
        yield loading
