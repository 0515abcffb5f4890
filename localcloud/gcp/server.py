"""`python -m localcloud.gcp.server --data DIR --port N --clock FILE`: Google's services but BigQuery, as a process.

Runs until SIGTERM or Ctrl-C; everything it knew is there again at the next start.
"""

import argparse
import os
import signal
import threading
from pathlib import Path

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.gcp.control import cloud_routes, fault_routes
from localcloud.gcp.credentials import Doorkeeper
from localcloud.gcp.dataproc import Batch
from localcloud.gcp.eventarc.eventarc import Backoff
from localcloud.gcp.google_cloud import GoogleCloud
from localcloud.web import Server, log


def main() -> None:
    options = _options()
    faults = Faults()
    backoff = Backoff(options.first_wait, options.longest_wait)
    cloud = GoogleCloud(options.data, Clock(options.clock), faults, log, _run_batch, backoff)
    cloud.routes.extend(fault_routes(faults))
    cloud.routes.extend(cloud_routes(cloud, options.key))
    check = Doorkeeper(options.key) if options.key else None
    server = Server("gcp", cloud.routes, faults, options.port, check).start()
    cloud.events.start()
    log("Google's stand-ins are listening", url=server.url)
    _wait_for_signal()
    server.stop()
    cloud.close()


def _run_batch(batch: Batch, log_path: Path) -> int:
    from localcloud.spark import batch as spark  # only where a batch runs is Spark needed

    return spark.run_batch(batch, log_path, os.environ)


def _wait_for_signal() -> None:
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    asked.wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localcloud.gcp.server", description=__doc__)
    parser.add_argument("--data", required=True, type=Path, help="directory that keeps everything")
    parser.add_argument("--port", default=0, type=int, help="port of 127.0.0.1; a free one by default")
    parser.add_argument("--clock", type=Path, help="file that holds the simulated time's offset")
    parser.add_argument("--key", type=Path, help="key file of the only ones who may call; without it everybody may")
    parser.add_argument("--first-wait", default=10.0, type=float, help="seconds before an event comes again")
    parser.add_argument("--longest-wait", default=600.0, type=float, help="seconds between late repetitions")
    return parser.parse_args()


if __name__ == "__main__":
    main()
