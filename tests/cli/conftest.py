import sys
from pathlib import Path

import pytest

# For the tests that hold a command against ingest itself.
sys.path.append(str(Path(__file__).parents[2] / "functions/ingest"))


@pytest.fixture
def owner(tmp_path, monkeypatch):
    from tests.cli.owning import owning

    with owning(tmp_path, monkeypatch) as owner:
        yield owner
