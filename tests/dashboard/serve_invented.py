"""Serves the dashboard as its container does, over the invented warehouse: `python -m … PORT [hostile]`."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

DASHBOARD = Path(__file__).parents[2] / "dashboard"
sys.path.insert(0, str(DASHBOARD))


def main() -> None:
    from streamlit.web import cli

    import data
    from tests.dashboard.hostile_warehouse import hostile_warehouse
    from tests.dashboard.invented_warehouse import warehouse
    from tests.dashboard.page_app import ENVIRONMENT

    os.environ.update(ENVIRONMENT)
    make = hostile_warehouse if sys.argv[2:] == ["hostile"] else warehouse
    store = data.Store(make(datetime.now(UTC).replace(minute=0, second=0, microsecond=0)))
    data.open_store = lambda settings, credentials: store
    sys.argv = [
        "streamlit",
        "run",
        str(DASHBOARD / "server.py"),
        "--server.port",
        sys.argv[1],
        "--server.address",
        "127.0.0.1",
    ]
    cli.main()


if __name__ == "__main__":
    main()
