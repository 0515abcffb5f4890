from datetime import UTC, datetime, timedelta

import pytest

from cli.command_line import main
from cli.commands.listeners import Poll, judge, polls_of
from tests.cli.harness import ONE, TWO, Output

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=1)
FRESH, ENDS_AT = NOW - timedelta(days=60), NOW + timedelta(days=122)


def poll(at=NOW, state="collected", error_class=None, ends_at=ENDS_AT):
    return Poll(at, state, error_class, None if error_class is None else "a sentence", ends_at)


@pytest.mark.parametrize(
    ("stored_at", "polls", "state", "ends_at"),
    [
        (None, [], "not_authorized", None),
        (None, [poll()], "not_authorized", None),
        (FRESH, [], "not_run_yet", datetime(2027, 3, 23, 10, tzinfo=UTC)),
        (NOW, [poll(BEFORE, "failed", "NeedsConsent")], "not_run_yet", datetime(2027, 5, 22, 10, tzinfo=UTC)),
        (FRESH, [poll()], "ok", ENDS_AT),
        (FRESH, [poll(state="nothing_new"), poll(state="failed", error_class="NeedsConsent")], "ok", ENDS_AT),
        (FRESH, [poll(error_class="TokenNotStored")], "ok", ENDS_AT),
        (FRESH, [poll(state="failed", error_class="SpotifyUnavailable")], "failing", ENDS_AT),
        (FRESH, [poll(state="failed", error_class="NeedsConsent")], "needs_consent", ENDS_AT),
        (FRESH, [poll(ends_at=NOW)], "needs_consent", NOW),
        (FRESH, [poll(state="", ends_at=None), poll()], "unreadable", None),
        (FRESH, [poll(state="postponed")], "unreadable", ENDS_AT),
        (FRESH, [poll(state="failed", error_class="SecretUnusable", ends_at=None)], "failing", None),
    ],
)
def test_how_a_listener_stands(stored_at, polls, state, ends_at):
    assert judge(stored_at, polls, NOW) == (state, ends_at)


def test_runs_in_which_a_listener_was_not_asked_tell_nothing_about_the_listener():
    part = {"error_class": None, "reason": None, "consent_ends_at": "2027-05-22T10:00:00Z"}
    rows = [
        {"finished_at": NOW, "details": {"listeners": {ONE: part | {"state": "not_asked"}}}},
        {"finished_at": NOW - timedelta(hours=1), "details": None},
        {"finished_at": NOW - timedelta(hours=2), "details": {"listeners": {}}},
        {"finished_at": NOW - timedelta(hours=3), "details": {"listeners": {ONE: part | {"state": "collected"}}}},
    ]
    ends_at = datetime(2027, 5, 22, 10, tzinfo=UTC)
    assert polls_of(ONE, rows) == [Poll(NOW - timedelta(hours=3), "collected", None, None, ends_at)]
    assert polls_of(TWO, rows) == []


@pytest.mark.parametrize(
    ("details", "polls"),
    [
        ("text", []),
        (7, []),
        ([ONE], []),
        ({"listeners": None}, []),
        ({"listeners": [ONE]}, []),
        ({"listeners": {ONE: None}}, [Poll(NOW, "", None, None, None)]),
        ({"listeners": {ONE: {}}}, [Poll(NOW, "", None, None, None)]),
        (
            {"listeners": {ONE: {"state": "ok", "consent_ends_at": "2027-01-01", "error_class": 1, "reason": []}}},
            [Poll(NOW, "ok", None, None, datetime(2027, 1, 1, tzinfo=UTC))],
        ),
        (
            {"listeners": {ONE: {"state": "failed", "consent_ends_at": "soon", "error_class": "X"}}},
            [Poll(NOW, "failed", "X", None, None)],
        ),
    ],
)
def test_of_a_row_of_any_shape_is_read_what_can_be(details, polls):
    assert polls_of(ONE, [{"finished_at": NOW, "details": details}]) == polls


def listeners(capsys, *options):
    capsys.readouterr()
    return Output(main(["listeners", *options]), *capsys.readouterr())


@pytest.fixture
def newest(ingesting):
    """The newest play of the one, after a run; the other has revoked the consent."""
    ingesting.authorize(ONE, TWO)
    ingesting.spotify.revoke(TWO)
    ingesting.travel(seconds=1)
    ingesting.run()
    ingesting.load()
    return max(play.played_at for play in ingesting.spotify.window(ONE, ingesting.cloud.clock.now()))


def test_after_a_real_run_each_listener_is_shown_as_it_is(newest, capsys):
    output = listeners(capsys, "--json")
    one, two = output.json

    assert output.code == 0
    assert one["consent_ends_at"].startswith("2027-05-22T10:00:0")
    assert one == {
        "listener": ONE,
        "state": "ok",
        "consent_ends_at": one["consent_ends_at"],
        "consent_days_left": 180,
        "plays": 50,
        "last_played_at": f"{newest:%Y-%m-%dT%H:%M:%S}.{newest.microsecond // 1000:03}Z",
        "last_error_at": None,
        "last_error": None,
    }
    assert (two["state"], two["plays"], two["last_played_at"]) == ("needs_consent", 0, None)
    assert two["last_error"] == f"consent was revoked, run `python -m cli authorize {TWO}`"
    assert two["last_error_at"].startswith("2026-11-22T10:00:")


def test_the_table_says_what_to_do_next(newest, capsys):
    assert listeners(capsys).out == (
        "listener      state          consent        plays  last play (UTC)   last error (UTC)\n"
        f"listener-one  ok             180 days left  50     {newest:%Y-%m-%d %H:%M}  -\n"
        "listener-two  needs consent  180 days left  0      -                 "
        "2026-11-22 10:00: consent was revoked, run `python -m cli authorize listener-two`\n"
        "\nTo get listener-two's plays, run `python -m cli authorize listener-two`.\n"
    )


def test_a_consent_given_after_the_last_run_shows_before_the_next_one(ingesting, capsys):
    ingesting.authorize(ONE)
    ingesting.spotify.revoke(ONE)
    ingesting.run()
    assert [row["state"] for row in listeners(capsys, "--json").json] == ["needs_consent"]

    ingesting.travel(hours=1)
    ingesting.authorize(ONE)
    (one,) = listeners(capsys, "--json").json

    assert one["state"] == "not_run_yet"
    assert one["consent_ends_at"].startswith("2027-05-22T11:00:0")


def test_after_months_without_a_run_the_last_one_still_tells_when_a_consent_ends(ingesting, newest, capsys):
    ingesting.travel(days=90)
    one, two = listeners(capsys, "--json").json
    assert [(row["state"], row["consent_ends_at"][:10]) for row in (one, two)] == [
        ("ok", "2027-05-22"),
        ("needs_consent", "2027-05-22"),
    ]


def test_a_newest_record_that_cannot_be_read_is_shown_as_such(ingesting, capsys):
    ingesting.authorize(ONE)
    ingesting.travel(hours=1)
    for run_id, details in [
        ("20261122T110000Z", f'{{"listeners": {{"{ONE}": null}}}}'),
        ("20261122T110001Z", '"text"'),
    ]:
        ingesting.tell(run_id, "ingest", "postponed", rows_new=-5, details=details)
    output = listeners(capsys)
    assert output.code == 0
    assert f"{ONE}  newest record unreadable  -" in output.out


def test_no_listener_yet_is_an_empty_state_with_the_next_step(ingesting, capsys):
    output = listeners(capsys)
    assert output.code == 0
    assert output.out.startswith("No listener yet. Add one to `listeners` in terraform.tfvars")
    assert listeners(capsys, "--json").json == []


def test_a_secret_labelled_for_something_else_is_no_listener(owner, capsys):
    owner.has_listener(ONE)
    owner.store("other", {"a": "secret"}, {"app": "heavy-rotation"})
    found = owner.types(capsys, "listeners", "--json").json
    assert [(one["listener"], one["state"]) for one in found] == [(ONE, "not_run_yet")]
