"""Runs pages of the dashboard in Streamlit's AppTest: `python -m localcloud.demo.dashboard_app_test '{"top": {}, …}'`.

The dashboard is the current directory. The argument gives each page its query. Prints a line of JSON for each: page,
seconds, fault.
"""

import json
import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from streamlit.testing.v1 import AppTest

_SECONDS = 60


def main() -> None:
    logging.disable(logging.WARNING)  # every run without a server is warned about
    for page, query in json.loads(sys.argv[1]).items():
        began = time.perf_counter()
        fault = fault_of(page, query)
        print(json.dumps({"page": page, "seconds": time.perf_counter() - began, "fault": fault}), flush=True)


def fault_of(page: str, query: Mapping[str, str]) -> str | None:
    """What the page shows as an error."""
    app = AppTest.from_file(str(Path("streamlit_app.py").resolve()), default_timeout=_SECONDS)
    for name, value in query.items():
        app.query_params[name] = value
    app.run().switch_page(f"app_pages/{page}_page.py").run()
    told = [f"{error.proto.type}: {error.message}" for error in app.exception] + [
        str(error.value) for error in app.error
    ]
    return " / ".join(told) or None


if __name__ == "__main__":
    main()
