import sys
from pathlib import Path

import pytest

from tests.transform_trigger.harness import triggering_cloud

# A function's folder is its root, in the cloud and here.
sys.path.append(str(Path(__file__).parents[2] / "functions/transform_trigger"))


@pytest.fixture
def triggering(tmp_path):
    with triggering_cloud(tmp_path) as triggering:
        yield triggering
