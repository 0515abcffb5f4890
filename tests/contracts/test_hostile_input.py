"""Whatever stands where an event, a message, a secret, an answer or a header should be: a refusal, never an accident.

What was found once is kept as an explicit example.
"""

import base64
import contextlib
import io
import json
import string
from datetime import UTC, datetime

import google_crc32c
import pytest
from google.api_core.exceptions import NotFound
from google.cloud.secretmanager import AccessSecretVersionResponse
from hypothesis import example, given
from hypothesis import strategies as st

import landed_object
import plays_loaded
from failures import AppSecretUnusable, SecretUnusable, UnreadableAnswer
from ingest_log import log, without_addresses
from listener_secrets import ListenerSecret, name_listeners, read_app, read_listener
from load_errors import EventUnreadable
from slots import Run, UnreadableSlot, to_slot
from spotify import _to_grant, api_refusal, features_refusal, token_refusal
from trigger_errors import MessageUnreadable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
DEEP = "[" * 20_000
SLOT = datetime(2026, 11, 22, 10, tzinfo=UTC)
OBJECT = "plays/2026/11/22/20261122T100000Z.csv"
MESSAGE = {
    "run_id": "20261122T100000Z",
    "slot": "2026-11-22T10:00:00+00:00",
    "rows_new": 12,
    "committed_at": "2026-11-22T10:00:07+00:00",
}
CONSENT = {
    "refresh_token": "good",
    "consented_at": "2026-11-01T08:00:00Z",
    "account_id": "account",
    "scope": "user-read-recently-played",
}
INSTANTS = st.datetimes(timezones=st.timezones()).map(lambda instant: instant.isoformat()) | st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-22T10:00:00", "2026-W47-7T10:00:00Z", "\ud800"]
)


def with_parts_replaced(good):
    """The good object with some of its fields something else."""
    parts = st.fixed_dictionaries({}, optional=dict.fromkeys(good, JSON | INSTANTS))
    return parts.map(lambda spoilt: good | spoilt)


@given(JSON | with_parts_replaced({"bucket": "landing", "name": OBJECT, "generation": "17"}))
@example({"bucket": "landing", "name": OBJECT, "generation": "9" * 5_000})
@example({"bucket": "landing", "name": f"{OBJECT}\n", "generation": "1"})
@example({"bucket": "landing", "name": "plays/2026/11/22/\ud800.csv", "generation": "1"})
def test_an_event_names_an_object_or_is_refused(data):
    try:
        landed = landed_object.parse_event(data)
    except EventUnreadable as refusal:
        assert len(str(refusal)) < 200
        return
    assert not landed.is_run_file or landed.name == OBJECT
    if landed.is_run_file:
        # Everything that goes into SQL, a path or a job's id is made of these.
        made = f"{landed.staging_table}{landed.job_id('load')}{landed.job_id('merge')}{landed.run_id}"
        assert set(made) <= {*string.ascii_letters, *string.digits, "_", "-"}


@given(JSON | with_parts_replaced(MESSAGE))
@example(MESSAGE | {"slot": "0001-01-01T00:00:00+14:00"})
@example(MESSAGE | {"committed_at": "9999-12-31T23:59:59-14:00"})
@example(MESSAGE | {"rows_new": 2**63})
@example(MESSAGE | {"rows_new": -1})
@example(MESSAGE | {"rows_new": True})
@example(MESSAGE | {"run_id": "10101T000000Z", "slot": "0001-01-01T00:00:00Z"})
def test_a_message_is_one_of_loads_or_is_refused(message):
    try:
        plays = plays_loaded.parse_message(message)
    except MessageUnreadable as refusal:
        assert len(str(refusal)) < 200
        return
    assert plays.run_id == f"{plays.slot:%Y%m%dT%H%M%SZ}"
    assert type(plays.rows_new) is int
    assert set(plays.run_id) <= {*string.digits, "T", "Z"}


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
@example(DEEP.encode())
@example(b"\xff")
def test_a_pubsub_event_holds_a_message_or_is_refused(data):
    for event in ({"message": {"data": base64.b64encode(data).decode()}}, {"message": {"data": data}}, data):
        with pytest.raises(MessageUnreadable):
            plays_loaded.parse_event(event)


SECRETS = with_parts_replaced(CONSENT).map(lambda value: json.dumps(value).encode())


class Manager:
    """Secret Manager with one version of one secret; nothing of its client is imitated but the call that reads."""

    def __init__(self, content):
        self._content = content

    def access_secret_version(self, name, **options):
        if not name.endswith("/latest"):
            raise NotFound(name)
        payload = {"data": self._content, "data_crc32c": google_crc32c.value(self._content)}
        return AccessSecretVersionResponse(name=name.replace("latest", "7"), payload=payload)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()) | SECRETS)
@example(DEEP.encode())
@example(json.dumps(CONSENT | {"refresh_token": "half a \ud800 pair"}).encode())
@example(json.dumps(CONSENT | {"refresh_token": "pasted with its line end\n"}).encode())
@example(json.dumps(CONSENT | {"consented_at": "9999-12-31T23:59:59-14:00"}).encode())
@example(json.dumps(CONSENT | {"consented_at": "0001-01-01T00:00:00+14:00"}).encode())
@example(b'{"refresh_token": ' + b"9" * 5_000 + b"}")
def test_a_secret_is_a_consent_or_is_unusable_and_never_shown(content):
    secret = ListenerSecret("ada", "projects/p/secrets/refresh-token-ada")
    try:
        listener = read_listener(Manager(content), secret)
    except SecretUnusable as failure:
        assert "refresh-token-ada" in failure.explain("ada")
        return
    assert set(listener.refresh_token) <= set(map(chr, range(33, 127)))
    assert listener.refresh_token not in repr(listener) or len(listener.refresh_token) < 3


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
@example(DEEP.encode())
@example(json.dumps({"client_id": "\ud800", "client_secret": "x"}).encode())
@example(json.dumps({"client_id": "x", "client_secret": "y\n"}).encode())
def test_the_apps_secret_is_one_or_is_unusable(content):
    try:
        app = read_app(Manager(content), "p")
    except AppSecretUnusable:
        return
    app.authorization().encode("ascii")


@given(JSON | with_parts_replaced({"access_token": "a", "refresh_token": "r", "expires_in": 3600}))
@example({"access_token": "a", "refresh_token": "\ud800"})
@example({"access_token": "a\r\nX-Injected: 1"})
@example({"access_token": "ä"})
def test_a_token_answer_is_a_grant_of_what_can_be_sent_back_or_makes_no_sense(body):
    try:
        grant = _to_grant(body)
    except UnreadableAnswer:
        return
    for token in (grant.access_token, grant.refresh_token or "x"):
        assert token.isascii() and token.isprintable() and " " not in token


@given(st.integers(400, 499), st.text() | JSON.map(json.dumps))
@example(400, DEEP)
@example(403, '{"error": {"message": "\\u001b[31m\\n{\\"severity\\": \\"EMERGENCY\\"}"}}')
@example(403, '{"error": "' + "secret" * 50 + '"}')
def test_whatever_a_refusal_says_comes_to_one_short_printable_sentence(status, text):
    for refusal in (api_refusal, features_refusal, token_refusal):
        sentence = refusal(status, text).explain("ada")
        assert sentence.isprintable()
        assert len(sentence) < 300


@given(st.text() | INSTANTS)
@example("0001-01-01T00:00:00Z")
@example("9999-12-31T23:59:59Z")
@example("2026-11-22T10:00:00Z\r\nX: y")
def test_a_slot_is_an_instant_of_our_time_or_is_refused(header):
    try:
        slot = to_slot(header, SLOT)
    except UnreadableSlot:
        return
    run_id = Run(slot, SLOT).run_id
    assert datetime.strptime(run_id, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) == slot
    assert len(run_id) == 16


@given(st.dictionaries(st.text(), st.text(), max_size=8))
@example({"projects/p/secrets/a": "ada\n"})
@example({"projects/p/secrets/a": "ａda"})
@example({"projects/p/secrets/a": "'; DROP TABLE plays; --"})
def test_a_label_is_a_slug_or_names_no_listener(labels):
    for secret in name_listeners(labels):
        assert secret.failure or set(secret.listener_id) <= {*string.ascii_lowercase, *string.digits, "-", "_"}


@given(st.dictionaries(st.text(), JSON, max_size=4), st.text())
def test_an_entry_is_one_line_of_json_whatever_it_holds(fields, message):
    fields = {f"field_{number}": value for number, value in enumerate(fields.values())}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        log("ERROR", message, **fields)
    (line,) = out.getvalue().splitlines()
    assert line.isascii()
    assert json.loads(line)["message"] == message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("403 POST … spark@p.iam.gserviceaccount.com does not have access", "403 POST … … does not have access"),
        ("Permission denied: user:ada@example.invalid.", "Permission denied: …"),
        ("no account is named", "no account is named"),
    ],
)
def test_an_error_of_googles_is_reported_without_the_account_it_names(text, shown):
    assert without_addresses(text) == shown
