"""Cold start and memory of each function: `python -m benchmarks.cold_start`.

Question: what does our code add to the Google clients that a function cannot do without, and what does it save by doing
without pandas? Each is started as the cloud starts it, by functions-framework in a process of its own, and then answers
one request that makes its clients but no call (transform_trigger refuses that request before it makes any).
Rivals: the same clients in a function that does nothing else, in the same environment; the same function with `import
pandas`, in an environment that has pandas and pyarrow, which google-cloud-bigquery then imports, too.
Exit codes: 0 measured, whatever the figures, 2 wrong usage.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import requests

from benchmarks.figures import introduce, options_of, spread
from benchmarks.function_process import served_function
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.gcp.set_up import ROOT
from localcloud.supervisor import FUNCTIONS, function_python

CLIENTS_LIMIT, PANDAS_LIMIT = 1.15, 0.6
_CLIENTS = {
    "ingest": """
import os
import google.auth
import requests
from google.cloud import bigquery, storage
from google.cloud.secretmanager import SecretManagerServiceClient

def clients():
    at = {"api_endpoint": os.environ["SECRETMANAGER_EMULATOR_HOST"]}
    project = os.environ["GOOGLE_CLOUD_PROJECT"]
    SecretManagerServiceClient(transport="rest", client_options=at)
    storage.Client(project, credentials=google.auth.default()[0])
    bigquery.Client(project)
    requests.Session()
""",
    "load": """
import os
from google.cloud import bigquery
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports.rest import PublisherRestTransport

def clients():
    bigquery.Client(os.environ["GOOGLE_CLOUD_PROJECT"])
    PublisherClient(transport=PublisherRestTransport(host=os.environ["PUBSUB_EMULATOR_HOST"]))
""",
    "transform_trigger": """
from google.cloud import bigquery, dataproc_v1

def clients():
    pass
""",
}
_REQUESTS = {
    "ingest": {"headers": {"X-CloudScheduler-ScheduleTime": "an unreadable slot"}},
    "load": {
        "headers": {
            "ce-id": "1",
            "ce-source": "//storage.googleapis.com/projects/_/buckets/another",
            "ce-specversion": "1.0",
            "ce-type": "google.cloud.storage.object.v1.finalized",
        },
        "json": {"bucket": "another", "name": "no-run's-file", "generation": "1"},
    },
    "transform_trigger": {"json": {"message": "unreadable"}},
}


@dataclass(frozen=True)
class Start:
    """One cold start: seconds until it listens, until the first answer, and memory (PSS, all processes) after it."""

    listening_seconds: float
    answer_seconds: float
    memory_mib: float


def main(arguments: list[str] | None = None) -> int:
    parser = options_of("cold_start", __doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is started (%(default)s)")
    parser.add_argument("--only", action="append", choices=FUNCTIONS, help="one function; may be repeated")
    options = parser.parse_args(arguments)
    introduce(__doc__)
    print(f"Medians of {options.rounds} rounds (least to most)\n")
    print("| function | | listens after | first answer after | memory | seconds, × rival | memory, × rival |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name, LaptopCloud(Path(name) / "cloud") as cloud:
        for function in options.only or FUNCTIONS:
            _print_rows(function, _starts(function, Path(name), cloud.environment, options.rounds))
    return 0


def _starts(function: str, directory: Path, settings: Mapping[str, str], rounds: int) -> dict[str, list[Start]]:
    """By variant; in turn, so that a busy machine slows all alike."""
    ours, alone, pandas = (directory / function / variant for variant in ("ours", "alone", "pandas"))
    shutil.copytree(ROOT / "functions" / function, ours)
    shutil.copytree(ours, pandas)
    (pandas / "main.py").write_text("import pandas\n" + (pandas / "main.py").read_text())
    alone.mkdir()
    does_nothing_else = f'@functions_framework.http\ndef {function}(request):\n    clients()\n    return "OK"\n'
    (alone / "main.py").write_text(f"import functions_framework\n{_CLIENTS[function]}\n{does_nothing_else}")
    own = function_python(function)
    variants = {"ours": (ours, own), "the clients alone": (alone, own), "ours with pandas": (pandas, sys.executable)}
    starts: dict[str, list[Start]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        for name, (source, python) in variants.items():
            start = _start(function, source, python, settings, directory / "logs")
            if number:  # the first fills the caches of bytecode and files
                starts[name].append(start)
    return starts


def _start(function: str, source: Path, python: str, settings: Mapping[str, str], logs: Path) -> Start:
    began = time.perf_counter()
    with served_function(function, settings, logs, source=source, python=python) as process:
        listening = time.perf_counter() - began
        answer = requests.post(process.url, timeout=60, **_REQUESTS[function])  # type: ignore[arg-type]
        if answer.status_code >= 500:
            raise RuntimeError(f"{source} answered {answer.status_code}: {answer.text[:500]}")
        return Start(listening, time.perf_counter() - began, process.memory_mib())


def _print_rows(function: str, starts: dict[str, list[Start]]) -> None:
    ours = starts["ours"]
    goals = {"the clients alone": f" (goal {CLIENTS_LIMIT})", "ours with pandas": f" (goal {PANDAS_LIMIT})"}
    for name, of_variant in starts.items():
        cells = [
            spread([getattr(start, figure) for start in of_variant], digits, unit) for figure, digits, unit in _FIGURES
        ]
        ratios = [
            median(getattr(start, figure) for start in ours) / median(getattr(start, figure) for start in of_variant)
            for figure in ("answer_seconds", "memory_mib")
        ]
        cells += [f"{ratio:.2f}{goals[name]}" if name in goals else "" for ratio in ratios]
        print(f"| {function} | {name} | {' | '.join(cells)} |", flush=True)


_FIGURES = (("listening_seconds", 2, " s"), ("answer_seconds", 2, " s"), ("memory_mib", 0, " MiB"))


if __name__ == "__main__":
    sys.exit(main())
