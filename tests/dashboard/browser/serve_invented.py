"""Serves the dashboard as its container does, over invented warehouses: `python -m … PORT [STATE_FILE [NAME=VALUE…]]`.

The file says which of `invented/states.py` is served now, or `hostile`; without one, or while it is empty, the
warehouse is full.
"""

import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

DASHBOARD = Path(__file__).parents[3] / "dashboard"
sys.path.insert(0, str(DASHBOARD))


class SwitchingStore:
    """Behaves as the store of the state that the file names at the moment."""

    def __init__(self, state_file: str | None) -> None:
        self._state_file = Path(state_file) if state_file else None

    def __getattr__(self, name: str) -> Any:
        state = self._state_file.read_text().strip() if self._state_file else ""
        return getattr(self._store(state), name)

    @cache  # noqa: B019 -- one store for the whole process
    def _store(self, state: str) -> Any:
        from tests.dashboard.invented.hostile import hostile_warehouse
        from tests.dashboard.invented.states import STATES, stale_store
        from tests.dashboard.invented.warehouse import warehouse
        from tests.dashboard.pages.app import NOW
        from warehouse import store

        full = warehouse(NOW)
        if state == "stale":
            return stale_store(full)
        if state == "hostile":
            return store.Store(hostile_warehouse(NOW))
        return store.Store(STATES[state](full, NOW) if state else full)


def main() -> None:
    import time_machine
    from streamlit.web import cli

    from tests.dashboard.pages.app import BEGINS, ENVIRONMENT
    from warehouse import store as warehouse_store

    settings = dict(setting.split("=", 1) for setting in sys.argv[3:])
    if not settings:
        time_machine.travel(BEGINS, tick=True).start()
    os.environ.update({**ENVIRONMENT, **settings})
    store: Any = SwitchingStore(sys.argv[2] if len(sys.argv) > 2 else None)
    warehouse_store.open_store = lambda settings, credentials: store
    command = ["streamlit", "run", str(DASHBOARD / "server.py"), "--server.address=127.0.0.1"]
    sys.argv = [*command, f"--server.port={sys.argv[1]}"]
    cli.main()


if __name__ == "__main__":
    main()
