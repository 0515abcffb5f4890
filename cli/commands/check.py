"""Checks whether everything is ready for a run, and shows what would make one fail. Changes nothing.

In the cloud: APIs, quota for Spark, tables, consents, schedule, dashboard. On the laptop: tables and consents. No token
is read: whether a consent is still good is taken from the ledger, as in `listeners`.
"""

import argparse
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import requests
from google.api_core.exceptions import NotFound

from cli import google_clients
from cli.commands.listeners import Standing, standings
from cli.commands.run_now import JOB
from cli.console import CliError, counted, one_line, print_json, print_table
from cli.place import TERRAFORM, Place
from cli.secret_store import SecretStore
from cli.warehouse import Warehouse
from listener_secrets import DAYS_TO_WARN_AT

HELP = "Check whether everything is ready for a run: APIs, quota, tables, consents, schedule, dashboard"

BATCH = {"CPUS": (12, "vCPU"), "CPUS_ALL_REGIONS": (12, "vCPU"), "DISKS_TOTAL_GB": (750, "GB of disk")}
"""What transform_trigger's batch takes of each quota of Compute Engine."""

_TIMEOUT_SECONDS = 30
_QUOTA_PAGE = "https://console.cloud.google.com/iam-admin/quotas?project="

State = Literal["ok", "note", "missing", "unknown"]


@dataclass(frozen=True)
class Finding:
    """`missing`: something has to be done. A `note` need not be acted on. `unknown`: Google did not say."""

    subject: str
    state: State
    said: str


def run(options: argparse.Namespace, place: Place) -> int:
    findings: list[Finding] = []
    for subject, check in (_ON_LAPTOP if place.laptop else _IN_CLOUD).items():
        try:
            for state, said in check(place):
                findings.append(Finding(subject, state, said))  # one by one: an error keeps those before it
        except google_clients.EXPECTED as error:
            findings.append(Finding(subject, "unknown", google_clients.explain(error, place)))
        except CliError as error:
            findings.append(Finding(subject, "missing", str(error)))
    if options.json:
        print_json([asdict(finding) for finding in findings])
    else:
        rows = [(finding.subject, finding.state, one_line(finding.said)) for finding in findings]
        print_table(("what", "state", "details"), rows)
    return 1 if any(finding.state in ("missing", "unknown") for finding in findings) else 0


Check = Callable[[Place], Iterator[tuple[State, str]]]


def _apis(place: Place) -> Iterator[tuple[State, str]]:
    main = (TERRAFORM / "main.tf").read_text(encoding="utf-8")
    wanted = re.findall(r'^    "([a-z]+\.googleapis\.com)",$', main, re.MULTILINE)
    names = [f"projects/{place.project}/services/{api}" for api in wanted]
    answer = _get(place, "serviceusage", f"/v1/projects/{place.project}/services:batchGet", {"names": names})
    on = {service["name"].rpartition("/")[2] for service in answer["services"] if service["state"] == "ENABLED"}
    off = [api for api in wanted if api not in on]
    if off:
        yield "missing", f"Not enabled: {', '.join(off)}. Run `make deploy`."
    else:
        yield "ok", f"All {len(wanted)} are enabled."


def _quota(place: Place) -> Iterator[tuple[State, str]]:
    project = f"/compute/v1/projects/{place.project}"
    answers = [_get(place, "compute", path) for path in (project, f"{project}/regions/{place.region}")]
    known = {quota["metric"]: quota for answer in answers for quota in answer.get("quotas", [])}
    for metric, (needed, unit) in BATCH.items():
        takes = f"a Spark batch takes {needed} {unit}."
        if metric not in known:
            yield "note", f"Compute Engine names no quota {metric}; {takes}"
            continue
        limit, usage = known[metric]["limit"], known[metric]["usage"]
        if limit < needed:
            more = f"Then ask for more: {_QUOTA_PAGE}{place.project}"
            trial = "A free trial has 8 vCPU: upgrade the billing account first (its credit stays)."
            yield "missing", f"{metric} is {limit:.0f}, and {takes} {trial} {more}"
        elif limit - usage < needed:
            yield "note", f"{metric}: {usage:.0f} of {limit:.0f} are in use now; {takes}"
        else:
            yield "ok", f"{metric} is {limit:.0f}; {takes}"


def _tables(place: Place) -> Iterator[tuple[State, str]]:
    try:
        yield "ok", f"The table plays is there and holds {counted(Warehouse(place).stored_plays(), 'row')}."
    except NotFound:
        yield "missing", "The table plays is not there. Run `make deploy`."


def _consents(place: Place) -> Iterator[tuple[State, str]]:
    store = SecretStore(place)
    listeners = store.listeners()
    if not listeners:
        add = (
            f"Run {place.command('authorize LISTENER')}."
            if place.laptop
            else "Name one in `listeners` of terraform.tfvars, then run `make deploy`."
        )
        yield "missing", f"There is no listener yet. {add}"
        return
    if why := store.why_unreadable(store.app_home()):
        authorize = place.command(f"authorize {shlex.quote(next(iter(listeners)))}")
        yield "missing", f"The app's id and secret are missing: {why}. Run {authorize}."
    for standing in standings(place):
        if standing.listener in listeners:
            state, said = _consent(standing, store, listeners[standing.listener])
            authorize = place.command(f"authorize {shlex.quote(standing.listener)}")
            if state != "ok":
                yield state, f"{said} Run {authorize}."
            if standing.state in ("failing", "unreadable"):
                yield "note", _last_run(standing)
            elif state == "ok":
                yield state, said


def _consent(standing: Standing, store: SecretStore, secret: str) -> tuple[State, str]:
    whose, days = f"{standing.listener}'s consent", standing.consent_days_left
    if standing.state == "not_authorized":
        why = store.why_unreadable(secret) or "the secret changed just now"  # since the state was read
        return "missing", f"{standing.listener} has no consent: {why}."
    if days is not None and days < 0:
        return "missing", f"{whose} ended on {standing.consent_ends_at:%Y-%m-%d}."
    if standing.state == "needs_consent":
        return "missing", f"{whose} was revoked or does not suffice."
    if days is not None and days <= max(DAYS_TO_WARN_AT):
        return "note", f"{whose} ends in {counted(days, 'day')}."
    return "ok", f"{whose} is stored."


def _last_run(standing: Standing) -> str:
    """Without a next step: the ledger's reason names `authorize` where that helps."""
    stored = f"{standing.listener}'s consent is stored, but"
    if standing.state == "unreadable":
        return f"{stored} the ledger's newest record of it cannot be read."
    return f"{stored} the last run failed: {standing.last_error or 'the ledger does not say why'}."


def _schedule(place: Place) -> Iterator[tuple[State, str]]:
    path = f"/v1/projects/{place.project}/locations/{place.region}/jobs/{JOB}"
    try:
        job = _get(place, "cloudscheduler", path)
    except NotFound:
        yield "missing", f"There is no Cloud Scheduler job {JOB}. Run `make deploy`."
        return
    if job["state"] == "ENABLED":
        yield "ok", f"{JOB} is on: {job['schedule']} ({job['timeZone']})."
    elif job["state"] == "PAUSED":
        resume = f"gcloud scheduler jobs resume {JOB} --location {place.region} --project {place.project}"
        yield "missing", f"{JOB} is paused. Run `{resume}`."
    else:
        yield "missing", f"{JOB} is {job['state']}. Run `make deploy`."


def _dashboard(place: Place) -> Iterator[tuple[State, str]]:
    try:
        path = f"/v2/projects/{place.project}/locations/{place.region}/services/dashboard"
        service = _get(place, "run", path)
    except NotFound:
        yield "note", "None is deployed. To have one, run `make dashboard-image`, then `make deploy`."
        return
    condition = service["terminalCondition"]
    if condition["state"] != "CONDITION_SUCCEEDED":
        yield "missing", f"The service is not ready: {condition.get('message', condition['state'])}"
        return
    yield _fetch_readiness(_address(service))


def _address(service: Mapping[str, Any]) -> str:
    """The one without a hash, which Terraform prints too."""
    own = (url for url in service.get("urls", []) if re.match(r"https://dashboard-\d+\.", url))
    return str(next(own, service["uri"]))


def _fetch_readiness(address: str) -> tuple[State, str]:
    """Calls without the owner's credentials."""
    log = "the log of the service dashboard says more."
    try:
        answer = requests.get(f"{address}/api/ready", timeout=_TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        return "missing", f"{address} does not answer ({type(error).__name__}); {log}"
    if answer.ok and not answer.is_redirect:
        return "ok", f"{address} answers."
    if answer.is_redirect and answer.headers["Location"].startswith("https://accounts.google.com/"):
        return "ok", f"{address} answers, after signing in with Google."
    return "missing", f"{address} answers with status {answer.status_code}; {log}"


def _get(place: Place, api: str, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
    """The answer of one of Google's APIs. Raises GoogleAPICallError as Google's own clients do."""
    host = place.endpoint("GOOGLEAPIS_EMULATOR_HOST") or f"https://{api}.googleapis.com"
    return google_clients.call(place, "GET", f"{host}{path}", params=parameters).json()


_ON_LAPTOP: Mapping[str, Check] = {"tables": _tables, "consents": _consents}
_IN_CLOUD: Mapping[str, Check] = {
    "APIs": _apis,
    "quota": _quota,
    **_ON_LAPTOP,
    "schedule": _schedule,
    "dashboard": _dashboard,
}
