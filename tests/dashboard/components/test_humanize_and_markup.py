"""What is said about numbers and dates, and the lists' HTML: escaped, ordered, without requests to strangers."""

from datetime import date, timedelta

import pandas as pd
import pytest

import humanize
from components import markup
from components.markup import Row
from tests.dashboard.invented.hostile import ADDRESSES
from theme import colours_of

COVER = "https://i.scdn.co/image/ab67616d0000b273"


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (0, "0 min"),
        (0.4, "under 1 min"),
        (0.6, "1 min"),
        (589.2, "9 h 49 min"),
        (599.6, "10 h"),
        (3494, "58 h 14 min"),
        (34020, "567 h"),
    ],
)
def test_minutes_are_said_in_the_unit_that_fits_and_never_as_zero_for_what_is_there(minutes: float, text: str) -> None:
    assert humanize.minutes(minutes) == text


@pytest.mark.parametrize(
    ("value", "measure", "text"),
    [
        (0.4, "Minutes", "under 1 min"),
        (0, "Plays", "0 plays"),
        (0.04, "Plays", "under 0.1 plays"),
        (1.44, "Plays", "1.4 plays"),
        (1234, "Plays", "1,234.0 plays"),
    ],
)
def test_an_average_of_plays_has_a_decimal_and_is_not_zero_for_what_is_there(
    value: float, measure: str, text: str
) -> None:
    assert humanize.average(value, measure) == text


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (0.125, 1, "12.5%"), (0.004, 1, "0.4%"), (0.0004, 1, "under 0.1%"), (0.004, 0, "under 1%"), (0, 0, "0%"),
    ],
)  # fmt: skip
def test_a_share_of_what_is_there_is_not_zero(share: float, digits: int, text: str) -> None:
    assert humanize.percent(share, digits) == text


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (date(2026, 11, 22), date(2026, 11, 22), "22 Nov 2026"),
        (date(2026, 11, 1), date(2026, 11, 22), "1 – 22 Nov 2026"),
        (date(2026, 10, 24), date(2026, 11, 22), "24 Oct – 22 Nov 2026"),
        (date(2025, 12, 30), date(2026, 1, 2), "30 Dec 2025 – 2 Jan 2026"),
    ],
)
def test_a_range_of_days_says_nothing_twice(start: date, end: date, text: str) -> None:
    assert humanize.days(start, end) == text


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        (104, 100, ", 4% more than the week before"),
        (50, 100, ", 50% less than the week before"),
        (100.2, 100, ", as much as the week before"),
        (5, 0, ""),
        (5, None, ""),
    ],
)
def test_a_comparison_with_nothing_is_not_made(now: float, before: float | None, text: str) -> None:
    assert humanize.compared(now, before, "the week before") == text


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        (0.304, 0.25, "+5 points"),
        (0.24, 0.25, "-1 point"),
        (0.247, 0.25, "no change"),
        (0.253, 0.25, "no change"),
        (0.1, 0.0, "+10 points"),
        (0.1, None, None),
    ],
)
def test_a_share_changes_by_points_or_not_at_all(now: float, before: float | None, text: str | None) -> None:
    assert humanize.points(now, before) == text


@pytest.mark.parametrize("name", [None, float("nan"), pd.NA, "", " ", "\u00a0", "\u2066\u2069", "\u200b", "\x07"])
def test_what_has_no_name_to_be_seen_is_called_unknown(name: object) -> None:
    assert humanize.named(name, "album") == "Unknown album"


@pytest.mark.parametrize("name", ["Song", "?", "ß", "夜", "None", " 1 "])
def test_a_name_stays_as_it_is(name: str) -> None:
    assert humanize.named(name, "track") == name


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(seconds=17), "17 s"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(minutes=119), "1 h 59 min"),
        (timedelta(hours=6, minutes=6), "6 h 6 min"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=3, hours=5), "3 days"),
        (timedelta(seconds=-5), "0 s"),
    ],
)
def test_how_long_is_said_in_the_units_that_matter(span: timedelta, text: str) -> None:
    assert humanize.duration(span) == text


@pytest.mark.parametrize(
    ("count", "noun", "text"), [(1, "play", "1 play"), (2, "stretch", "2 stretches"), (1200, "day", "1,200 days")]
)
def test_things_are_counted_in_english(count: int, noun: str, text: str) -> None:
    assert humanize.counted(count, noun) == text
    assert humanize.plural(noun, count) == text.split()[1]
    assert humanize.each(count, noun) == (noun if count == 1 else text)


@pytest.mark.parametrize(
    ("hour", "text"), [(0, "Sun 25 Oct, 02:00 CEST"), (1, "Sun 25 Oct, 02:00 CET"), (2, "Sun 25 Oct, 03:00")]
)
def test_the_hours_of_a_clock_that_is_set_back_have_two_names(hour: int, text: str) -> None:
    at = pd.Timestamp(f"2026-10-25 {hour:02}:00", tz="UTC").tz_convert("Europe/Berlin")

    assert humanize.moment(at) == text
    assert humanize.moment_year(at) == text.replace("Oct", "Oct 2026")


def test_a_ranked_list_is_an_ordered_list_whose_texts_are_escaped() -> None:
    html = markup.ranked(
        [Row(title="<img src=x onerror=alert(1)>", second='"&', main="1 min", rank=1)], colours_of("light"), "Top"
    )

    assert html.startswith('<ol class="hr-rows hr-ranked"')
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert 'title="&quot;&amp;"' in html


def test_a_name_keeps_its_beginning_where_it_is_read_from_the_right() -> None:
    html = markup.ranked([Row(title="فيروز", second="שיר", main="")], colours_of("light"), "Top")

    assert '<p class="hr-title" dir="auto"' in html
    assert '<p class="hr-second" dir="auto"' in html


@pytest.mark.parametrize(
    "address",
    [
        *ADDRESSES,
        "http://i.scdn.co/image/x",
        "https://example.org/i.scdn.co/x",
        "https://user@i.scdn.co/x",
    ],
)
def test_a_cover_from_anywhere_else_than_spotify_is_not_asked_for(address: str) -> None:
    assert "<img" not in markup.cover("Song", "Artist", address, None)


def test_a_cover_is_unaltered_and_links_to_its_item() -> None:
    html = markup.cover("Song", "Artist", COVER, "https://open.spotify.com/track/1")

    assert f'<img src="{COVER}" alt="" loading="lazy">' in html
    assert 'href="https://open.spotify.com/track/1" target="_blank"' in html
    assert 'aria-label="Song on Spotify"' in html


def test_a_link_that_does_not_lead_to_spotify_is_not_drawn() -> None:
    assert "<a" not in markup.cover("Song", "Artist", COVER, "javascript:alert(1)")


@pytest.mark.parametrize(
    ("move", "seen"), [("+2", "▲ </span>"), ("-1", "▼ </span>"), ("new", ">new<"), ("+0", "unchanged")]
)
def test_a_move_is_shown_as_a_sign_and_as_text(move: str, seen: str) -> None:
    html = markup.ranked([Row(title="Song", second="", main="", rank=1, move=move)], colours_of("dark"), "Top")

    assert seen in html


def test_the_legend_of_a_heat_map_says_what_its_ends_mean() -> None:
    html = markup.heat_scale("276 minutes in a day", colours_of("light"), with_gaps=True)

    assert html.count("<li>") == 2
    assert "276 minutes in a day" in html
    assert "plays may be missing" in html
    assert "plays may be missing" not in markup.heat_scale("1 play", colours_of("light"))


@pytest.mark.parametrize(
    ("count_bytes", "text"),
    [(0, "0.0 MB"), (1, "< 0.1 MB"), (2**20 // 2, "0.5 MB"), (10 * 2**20, "10 MB"), (1234.4 * 2**20, "1,234 MB")],
)
def test_a_size_is_in_megabytes_and_never_zero_for_what_is_there(count_bytes: float, text: str):
    assert humanize.size(count_bytes) == text
