"""Serves the dashboard as its container does, over an invented warehouse: `python -m … PORT [STATE]`.

STATE is one of `invented_states`, or `stale`; without it the warehouse is full.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

DASHBOARD = Path(__file__).parents[2] / "dashboard"
sys.path.insert(0, str(DASHBOARD))


def main() -> None:
    from streamlit.web import cli

    import data
    from tests.dashboard.invented_states import STATES, stale_store
    from tests.dashboard.invented_warehouse import warehouse
    from tests.dashboard.page_app import ENVIRONMENT

    os.environ.update(ENVIRONMENT)
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    full, state = warehouse(now), sys.argv[2] if len(sys.argv) > 2 else ""
    store = stale_store(full) if state == "stale" else data.Store(STATES[state](full, now) if state else full)
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
