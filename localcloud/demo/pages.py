"""Opens every page of the dashboard over a running laptop cloud and reports those that show an error.

The pages run in Streamlit's AppTest, which draws nothing.
"""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud import dashboard, ledger
from localcloud.gcp.set_up import ROOT
from localcloud.processes import end_with_parent
from localcloud.supervisor import RunningCloud

PAGES = sorted(path.stem.removesuffix("_page") for path in (dashboard.DASHBOARD / "app_pages").glob("*_page.py"))
_PAGE_SECONDS = 60
_LISTENER = "listener-one"


@dataclass(frozen=True)
class Opened:
    """One page: how long it took, and what is wrong with it."""

    page: str
    seconds: float
    fault: str | None


def open_pages(laptop: RunningCloud) -> Iterator[Opened]:
    """Each page in turn; the traceback of one that fails is printed on stderr.

    In a process of its own, because the dashboard's modules are found in its folder and read their environment.
    """
    queries = {page: {"listener": _LISTENER} for page in PAGES}
    sql = "SELECT * FROM `{dataset}.plays` WHERE listener_id = @listener ORDER BY played_at DESC LIMIT 1"
    for newest in ledger.read(laptop.settings, sql, listener=_LISTENER):
        for page in queries.keys() & {"track", "artist", "album"}:
            queries[page]["id"] = newest[f"{page}_id"]
    # Streamlit warns of each frame that has an attribute of its own.
    command = [sys.executable, "-W", "ignore", "-m", "localcloud.demo.pages", json.dumps(queries)]
    path = {"PYTHONPATH": f"{ROOT}:{dashboard.DASHBOARD}"}
    with subprocess.Popen(  # noqa: S603 -- our own command
        command,
        cwd=dashboard.DASHBOARD,
        env={**os.environ, **dashboard.environment(laptop), **path},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=end_with_parent,
    ) as opening:
        for line in opening.stdout or ():
            yield Opened(**json.loads(line))
    if opening.returncode:
        yield Opened("all of them", 0.0, f"AppTest ended with exit code {opening.returncode}")


def main() -> None:
    """`python -m localcloud.demo.pages '{"top": {}, …}'` in the dashboard's folder: a line of JSON for each page."""
    logging.disable(logging.WARNING)  # every run without a server is warned about
    # An error to google-auth: the laptop's account has no name, see gcp/credentials.py.
    logging.getLogger("google.oauth2.service_account").disabled = True
    for page, query in json.loads(sys.argv[1]).items():
        began = time.perf_counter()
        fault = fault_of(page, query)
        print(json.dumps({"page": page, "seconds": time.perf_counter() - began, "fault": fault}), flush=True)


def fault_of(page: str, query: Mapping[str, str]) -> str | None:
    """What the page shows as an error."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(Path("streamlit_app.py").resolve()), default_timeout=_PAGE_SECONDS)
    for name, value in query.items():
        app.query_params[name] = value
    app.run().switch_page(f"app_pages/{page}_page.py").run()
    shown = [f"{error.proto.type}: {error.message}" for error in app.exception] + [
        str(error.value) for error in app.error
    ]
    return " / ".join(shown) or None


if __name__ == "__main__":
    main()
