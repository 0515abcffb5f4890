"""The demo's past: years of files that together hold each play once, and what must have come of the story."""

from datetime import UTC, datetime, timedelta

import pytest

from localcloud.demo.past import DAYS_BEFORE, EXPORT_DAYS, FEATURES_DAYS, from_export, lives, past_files
from localcloud.demo.proofs import Truth, _gap_before, expected_row, read_truth
from localcloud.demo.story import Story
from localcloud.listeners.lives import Play
from localcloud.spotify.consents import Consent

UNTIL = datetime(2026, 11, 7, 22, tzinfo=UTC)


@pytest.fixture(scope="module")
def every():
    return lives(1)


@pytest.fixture(scope="module")
def files(every):
    return past_files(every, UNTIL)


def test_there_is_a_file_for_every_month_and_the_last_ends_where_the_story_begins(files):
    slots = [file.slot for file in files]
    assert slots[0] == datetime(2023, 10, 1, tzinfo=UTC)
    assert len(slots) == 3 + 12 + 12 + 11 + 1
    assert all((slot.day, slot.hour) == (1, 0) for slot in slots[:-1])
    assert slots[-1] == UNTIL
    assert files[0].run_id == "20231001T000000Z"


def test_the_files_hold_every_play_that_spotify_had_shown_once_and_none_before_its_time(every, files):
    landed = [play for file in files for play in file.plays]
    for slug, days in DAYS_BEFORE.items():
        shown = [play for play in every[slug].between(UNTIL - timedelta(days=days), UNTIL) if play.visible_at <= UNTIL]
        assert [play for play in landed if play.listener == slug] == shown
    assert all(play.played_at < file.slot for file in files for play in file.plays)


def test_listeners_have_different_lengths_of_past_and_the_oldest_files_lack_features(files):
    first = {play.listener: play.played_at for file in reversed(files) for play in reversed(file.plays)}
    years = {slug: (UNTIL - first[slug]).days // 365 for slug in first}
    assert years == {"listener-one": 3, "listener-three": 2, "listener-two": 1}
    with_features = [file.with_features for file in files]
    assert with_features == sorted(with_features)
    assert (UNTIL - files[with_features.index(True)].slot).days <= FEATURES_DAYS


def test_of_the_older_plays_of_one_listener_an_export_says_how_they_ended(files):
    plays = [play for file in files for play in file.plays]
    added = {(play.listener, play.played_at): from_export(play, UNTIL) for play in plays}
    known = {key: row for key, row in added.items() if row}
    since = UNTIL - timedelta(days=EXPORT_DAYS)
    assert known.keys() == {key for key in added if key[0] == "listener-one" and key[1] < since}
    assert {(row["reason_end"], row["skipped"]) for row in known.values()} == {("trackdone", False), ("fwdbtn", True)}
    assert min(row["ms_played"] for row in known.values()) > 30_000


@pytest.mark.parametrize("until", ["2026-11-01T00:10:00Z", "2026-12-01T01:10:00Z", "2027-01-01T02:10:00Z"])
def test_a_story_that_begins_with_a_month_or_a_year_has_a_whole_past(every, until):
    story = Story.until(datetime.fromisoformat(until) + timedelta(days=17), 16)
    files = past_files(every, story.past_until)
    assert story.past_until - timedelta(hours=24) < files[-1].slot <= story.past_until
    assert len({file.run_id for file in files}) == len(files)
    assert sum(len(file.plays) for file in files) > 50_000


def page_of(every, count, skip=0):
    """The newest plays of listener-two, as a page shows them."""
    plays = every["listener-two"].between(UNTIL, UNTIL + timedelta(days=10))
    return list(reversed(plays[skip : skip + count]))


def truth_of(plays):
    rows = {(play.listener, play.played_at, play.track.id): expected_row(play, with_features=True) for play in plays}
    return Truth(plays=rows)


@pytest.mark.parametrize(("count", "newer"), [(50, 0), (49, 0), (50, 49)])
def test_a_page_whose_oldest_play_is_not_known_is_a_gap_from_the_newest_play_before_it(every, count, newer):
    known, page = page_of(every, 10), page_of(every, count, skip=30)
    slot = datetime(2026, 11, 12, 9, tzinfo=UTC)
    gap = _gap_before(truth_of([*known, *page[:newer]]), slot, page)
    assert gap == ("listener-two", known[0].played_at, page[-1].played_at, "20261112T090000Z")


@pytest.mark.parametrize(("count", "skip", "known"), [(49, 9, 10), (50, 9, 10), (50, 30, 0)])
def test_a_page_whose_oldest_play_is_known_or_that_is_the_first_is_no_gap(every, count, skip, known):
    assert _gap_before(truth_of(page_of(every, known)), UNTIL, page_of(every, count, skip)) is None


class Pages:
    """A laptop whose Spotify has answered these pages to listener-two only."""

    def __init__(self, answers):
        self._answers = answers

    def control(self, service, method, path):
        return self._answers if path == "pages?listener=listener-two" else []


def answer(slot: datetime, page: list[Play]):
    texts = [play.played_at.isoformat(timespec="milliseconds").replace("+00:00", "Z") for play in page]
    return {"at": (slot + timedelta(seconds=20)).isoformat(), "played_at": texts}


def test_what_spotify_forgot_between_two_pages_is_counted_and_not_expected(every):
    story = Story.until(UNTIL + timedelta(days=17, hours=1, minutes=30), 16)
    assert story.past_until == UNTIL
    before, after = page_of(every, 20), page_of(every, 50, skip=60)
    slots = [before[0].played_at + timedelta(hours=1), after[0].played_at + timedelta(days=3)]
    slots = [slot.replace(minute=0, second=0, microsecond=0) for slot in slots]
    truth = read_truth(Pages([answer(slots[0], before), answer(slots[1], after)]), story, seed=1)
    past = sum(len(file.plays) for file in past_files(every, UNTIL))
    assert len(truth.plays) == past + 20 + 50
    assert list(truth.gaps.values()) == [0, 40]  # the first page does not reach back to the past, either
    assert truth.shown == {slots[0]: 20, slots[1]: 50}
    assert truth.landed[slots[1]] == 50


def test_the_outage_is_left_out_of_the_schedule_and_the_rest_goes_on_to_the_present():
    story = Story.until(datetime(2026, 11, 24, 10, 30, tzinfo=UTC), 10)
    slots = list(story.slots())
    assert (slots[0], slots[-1]) == (story.starts_at, datetime(2026, 11, 24, 10, tzinfo=UTC))
    assert len(slots) == 11 * 24 + 1 - 48
    assert story.outage_over_at - story.outage_at == timedelta(hours=48)
    # More than the seven days that the Pipeline page lists troubles of.
    assert story.last_slot - story.outage_over_at > timedelta(days=8)


@pytest.mark.parametrize("month", range(1, 13))
def test_one_consent_ends_within_three_weeks_of_the_story_and_no_other_within_two_months(month):
    story = Story.until(datetime(2027, month, 28, 10, 30, tzinfo=UTC), 16)
    consents = {slug: Consent(slug, "", at, [], []) for slug, at in story.consented_at.items()}
    days_left = {slug: (consent.ends_at - story.last_slot).days for slug, consent in consents.items()}
    assert 14 <= days_left.pop("listener-one") <= 21
    assert min(days_left.values()) > 60
    assert max(story.consented_at.values()) < story.past_until
