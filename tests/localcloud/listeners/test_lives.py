import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from random import Random

import pytest

from localcloud.listeners.listeners import InventedListener, invented_listeners
from localcloud.listeners.lives import Life, Play
from localcloud.listeners.music import invent_catalogue
from localcloud.listeners.tastes import Obsession
from tests.localcloud.spotify.caller import listener

SINCE, UNTIL = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
CATALOGUE = invent_catalogue(1)
LISTENERS = invented_listeners(3)


def new_life(who: InventedListener, seed: int = 1) -> Life:
    return Life(who, invent_catalogue(seed), seed)


@cache
def year_of(who: int) -> list[Play]:
    return new_life(LISTENERS[who]).between(SINCE, UNTIL)


def digest(plays: list[Play]) -> str:
    return hashlib.sha256(repr(plays).encode()).hexdigest()


def days_with_plays(who: int) -> Counter[date]:
    return Counter(LISTENERS[who].day_of(play.played_at) for play in year_of(who))


def test_a_life_is_the_same_whatever_part_of_it_is_asked_for_first():
    whole = year_of(1)
    edges = [SINCE + timedelta(hours=hours) for hours in sorted(Random(7).sample(range(8760), 20))]
    life = new_life(LISTENERS[1])

    pieces = [(start, life.between(start, end)) for start, end in reversed(list(pairwise([SINCE, *edges, UNTIL])))]

    assert [play for _, piece in sorted(pieces, key=lambda pair: pair[0]) for play in piece] == whole


def test_a_life_is_the_same_in_another_process():
    code = (
        "from tests.localcloud.listeners.test_lives import *;"
        "print(digest(new_life(LISTENERS[0]).between(SINCE, SINCE + timedelta(days=40))))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4242", "TZ": "Pacific/Auckland"}
    printed = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60
    )

    here = [play for play in year_of(0) if play.played_at < SINCE + timedelta(days=40)]
    assert printed.stdout.strip() == digest(here)


def test_another_seed_is_another_life_and_another_listener_too():
    day = SINCE + timedelta(days=30)
    moments = [
        {play.played_at for play in new_life(who, seed).between(SINCE, day)}
        for who, seed in [(LISTENERS[0], 1), (LISTENERS[0], 2), (LISTENERS[1], 1)]
    ]

    assert not moments[0] & moments[1]
    assert not moments[0] & moments[2]


@pytest.mark.parametrize("who", range(3))
def test_plays_end_one_after_the_other_at_least_half_a_minute_apart_and_never_overlap(who):
    for earlier, later in pairwise(year_of(who)):
        assert later.played_at - timedelta(milliseconds=later.ms_played) > earlier.played_at
        assert later.played_at - earlier.played_at > timedelta(seconds=30)
    for play in year_of(who):
        assert play.played_at.tzinfo is UTC
        assert play.played_at.microsecond % 1000 == 0
        assert 30_000 < play.ms_played <= play.track.duration_ms


@pytest.mark.parametrize("who", range(3))
def test_no_hour_of_the_usual_lives_holds_more_plays_than_spotify_shows(who):
    moments = [play.played_at for play in year_of(who)]
    assert all(later - first > timedelta(hours=1) for first, later in zip(moments, moments[50:], strict=False))


def test_a_restless_listener_plays_more_in_an_hour_than_spotify_shows():
    life = new_life(
        listener(plays_on_days_off=400, plays_on_workdays=400, restless_share=1.0, restless_skips=1.0, quiet_share=0)
    )
    moments = [
        play.played_at for play in life.between(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 8, tzinfo=UTC))
    ]

    assert any(later - first < timedelta(hours=1) for first, later in zip(moments, moments[51:], strict=False))
    assert any(later - first < timedelta(seconds=32) for first, later in pairwise(moments))


def test_there_are_quiet_days_and_silent_holidays_but_most_days_have_music():
    quiet = {who: 365 - len(days_with_plays(who)) for who in range(3)}

    assert 10 < quiet[0] < 90
    assert 100 < quiet[2] < 200
    longest = max((later - earlier).days for earlier, later in pairwise(sorted(days_with_plays(0))))
    assert 4 <= longest <= 30


def test_days_off_are_not_like_workdays():
    by_kind: dict[bool, list[int]] = defaultdict(list)
    for day, plays in days_with_plays(2).items():
        by_kind[day.weekday() >= 5].append(plays)
    mean = {kind: sum(counts) / len(counts) for kind, counts in by_kind.items()}

    assert mean[True] > 1.5 * mean[False]


def test_a_listener_lives_by_the_clock_of_their_own_time_zone():
    """New York's evening is Berlin's night: listener two is up when listener one sleeps."""
    at_night = {
        who: sum(1 <= play.played_at.astimezone(LISTENERS[0].zone).hour < 5 for play in year_of(who)) for who in (0, 1)
    }

    assert at_night[0] < 0.02 * len(year_of(0))
    assert at_night[1] > 0.3 * len(year_of(1))


def test_albums_are_played_through_in_order():
    runs, run = [], 1
    for earlier, later in pairwise(year_of(0)):
        same_album = earlier.context == later.context and earlier.context and earlier.context.type == "album"
        if same_album and later.track.track_number == earlier.track.track_number + 1:
            run += 1
        else:
            runs.append(run)
            run = 1

    assert sum(length >= 7 for length in runs) > 100


def test_obsessions_come_and_fade():
    """Some track is played ten times in a week and hardly ever two months later."""
    weekly: dict[str, Counter[int]] = defaultdict(Counter)
    for play in year_of(1):
        weekly[play.track.id][(play.played_at - SINCE).days // 7] += 1
    obsessed = [
        (weeks, week) for weeks in weekly.values() for week, plays in weeks.items() if plays >= 15 and week < 42
    ]
    later = [sum(weeks[week + 8 + n] for n in range(2)) / 2 for weeks, week in obsessed]

    assert len(obsessed) > 5
    assert sum(mean < 5 for mean in later) > 0.7 * len(later)


def test_the_pull_of_an_obsession_halves_with_each_half_life_and_is_none_before_it_began():
    obsession = Obsession(next(iter(CATALOGUE.tracks.values())), since=date(2026, 3, 1), half_life_days=4)

    assert obsession.pull(date(2026, 2, 28)) == 0
    assert obsession.pull(date(2026, 3, 1)) == 1
    assert obsession.pull(date(2026, 3, 5)) == 0.5
    assert obsession.pull(date(2026, 3, 13)) == 0.125


def test_new_music_is_found_all_year_and_never_before_it_is_released():
    met: dict[str, date] = {}
    for play in year_of(0):
        assert play.track.album.released_on <= play.played_at.date()
        met.setdefault(play.track.album.id, play.played_at.date())
    months = Counter(day.month for day in met.values())
    released_this_year = [
        album for album in CATALOGUE.albums if album.id in met and album.released_on >= date(2025, 1, 1)
    ]

    assert all(months[month] >= 2 for month in range(1, 13)), months
    assert len(released_this_year) >= 3


def test_plays_come_from_every_kind_of_context_and_some_from_none():
    kinds = Counter(play.context.type if play.context else None for play in year_of(0))

    assert kinds.keys() == {"album", "playlist", "artist", "collection", None}
    assert 0.05 < kinds[None] / len(year_of(0)) < 0.4


def test_one_recording_is_played_under_two_ids():
    ids: dict[str, set[str]] = defaultdict(set)
    for play in year_of(0):
        if play.track.isrc:
            ids[play.track.isrc].add(play.track.id)

    assert sum(len(tracks) > 1 for tracks in ids.values()) > 10


def test_most_plays_are_visible_at_once_and_some_late_by_minutes_to_two_days():
    delays = [play.visible_at - play.played_at for play in year_of(1)]
    late = [delay for delay in delays if delay]

    assert min(delays) == timedelta(0)
    assert 0.005 < len(late) / len(delays) < 0.08
    assert min(late) >= timedelta(minutes=1)
    assert max(late) <= timedelta(days=2)
    assert sum(delay > timedelta(hours=6) for delay in late) > 10


def test_late_plays_overtake_each_other():
    shown = sorted(year_of(1), key=lambda play: play.visible_at)
    assert sum(later.played_at < earlier.played_at for earlier, later in pairwise(shown)) > 50


def test_the_newest_plays_are_those_of_a_plain_recount_at_any_instant():
    who = listener(late_share=0.2, offline_share=0.1)
    start, end = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)
    everything = new_life(who).between(start, end)
    life, rng = new_life(who), Random(3)
    instants = [start + timedelta(seconds=rng.randrange(int((end - start).total_seconds()))) for _ in range(200)]
    instants += [play.visible_at for play in rng.sample(everything, 100)]

    for at in instants:
        seen = [play for play in everything if play.visible_at <= at]
        newest = sorted(seen, key=lambda play: play.played_at, reverse=True)[:50]
        assert life.newest(at) == newest


def test_nothing_was_played_before_a_life_began():
    life = new_life(listener(begins_on=date(2026, 11, 1)))
    begin = datetime(2026, 11, 1, 3, tzinfo=UTC)  # 04:00 in Berlin

    assert life.begins_at == begin
    assert life.between(datetime(2020, 1, 1, tzinfo=UTC), begin) == []
    assert life.newest(begin) == []
    assert life.newest(begin + timedelta(days=14)) != []


def test_a_sitting_ends_before_the_next_day_begins():
    """Sittings only around 04:00 in Berlin, where one listening day ends and the next begins."""
    around_four = {3: 1, 4: 1}
    life = new_life(listener(quiet_share=0, hours_on_workdays=around_four, hours_on_days_off=around_four))
    plays = life.between(datetime(2026, 9, 2, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC))

    assert sum(play.played_at.hour == 1 for play in plays) > 100  # 03:00 in Berlin
    assert sum(play.played_at.hour == 2 for play in plays) > 100
    for earlier, later in pairwise(plays):
        assert later.played_at - timedelta(milliseconds=later.ms_played) > earlier.played_at


def test_days_that_clocks_change_are_days_like_others():
    life = new_life(listener(begins_on=date(2026, 1, 1), quiet_share=0, hours_on_days_off={0: 1, 1: 1, 2: 1, 3: 1}))
    plays = life.between(datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC))
    plays += life.between(datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 27, tzinfo=UTC))

    assert plays
    assert all(earlier.played_at < later.played_at for earlier, later in pairwise(plays))


def test_any_number_of_listeners_has_plain_names():
    names = [(who.slug, who.display_name) for who in invented_listeners(14)]

    assert names[0] == ("listener-one", "Invented Listener One")
    assert names[13] == ("listener-14", "Invented Listener 14")
    assert len(set(names)) == 14
