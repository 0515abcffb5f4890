"""What the pages say of what they counted: estimates, names, units, changes of the sound, tables and files."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pandas as pd
import pytest

from analysis import tops
from components import downloads
from tests.dashboard.invented.history import gaps_of
from tests.dashboard.invented.warehouse import FEATURES, InventedWarehouse, warehouse
from tests.dashboard.page_names import LISTENING
from tests.dashboard.pages.app import NOW, App, key_of, mine_of, per_day, some, text_of, with_plays


@pytest.mark.parametrize(
    ("page", "by", "texts"),
    [
        ("overview", "Minutes", ["**under 1 min a day** on average"]),
        ("when", "Minutes", ["Saturdays are fullest: under 1 min on average.", "on average under 1 min in that hour"]),
        ("when", "Plays", ["Saturdays are fullest: under 0.1 plays on average.", "on average under 0.1 plays in that"]),
    ],
)
def test_an_average_of_plays_that_exist_is_not_zero(app: App, page: str, by: str, texts: list[str]) -> None:
    """Twenty plays of three minutes on the last of 286 Saturdays."""
    with_plays(app, some(app, 1, days_ago=2_000), some(app, 20, days_ago=3))

    text = text_of(app.open(page, by=by, period="All time", zone="UTC"))

    assert [each for each in texts if each not in text] == []


def test_what_is_of_another_year_has_its_year(app: App) -> None:
    """Ten plays in 2014, the last listed play after the clock's; seven days with a gap, of which two are left out."""
    long_ago = some(app, 10, days_ago=(NOW - datetime(2014, 3, 1, 14, tzinfo=UTC)) / timedelta(days=1))
    starts = [f"{day} May {year}" for year, days in ((2014, "23"), (2019, "23"), (2026, "234")) for day in days]
    hours = [pd.Timestamp(start, tz="UTC") + pd.Timedelta(hours=10) for start in starts]
    gaps = pd.DataFrame({"gap_start": hours, "gap_end": [at + pd.Timedelta(hours=1) for at in hours]})

    text = text_of(with_plays(app, long_ago, some(app, 1, days_ago=-40), gaps=gaps).open(period="All time", zone="UTC"))

    assert "missing on 2 May 2019, 3 May 2019, 2 May, 3 May, 4 May and 2 earlier days: Spotify's" in text
    assert ">1 Mar 2014 14:00</" in text
    assert ">3 Jan 2027 12:00</" in text
    assert "the last one on **Sat 1 Mar 2014, 14:00**" in text
    assert "Too few plays for averages.\n" in text


def captions_of(app: App, page: str, **query: str) -> list[str]:
    return [line.value for line in app.open(page, **query).caption if "newest play" in line.value]


@pytest.mark.parametrize("by", ["Minutes", "Plays"])
@pytest.mark.parametrize("is_measured", [True, False])
def test_the_minutes_of_a_year_are_those_of_its_own_plays(app: App, is_measured: bool, by: str) -> None:
    """The few plays of last year are measured and the many of this year are not, or the other way round."""
    ways: list[dict[str, Any]] = [{"source": "export", "ms_played": 180_000}, {"source": "api"}]
    then, now = ways if is_measured else ways[::-1]
    last_year = NOW.timetuple().tm_yday + 30
    with_plays(app, some(app, 20, days_ago=last_year, **then), some(app, 200, days_ago=0, **now))

    [text] = captions_of(app, "year", year=str(NOW.year - 1), by=by)
    year = text_of(app.open("year", year=str(NOW.year - 1), by=by))

    assert text.endswith("· minutes estimated") == (not is_measured)
    assert ("Minutes are estimated" in year) == (not is_measured)


@pytest.mark.parametrize("by", ["Minutes", "Plays"])
@pytest.mark.parametrize(("track_id", "is_estimated"), [("measured", False), ("known", True)])
def test_the_minutes_of_an_item_are_those_of_its_own_plays(
    app: App, track_id: str, is_estimated: bool, by: str
) -> None:
    with_plays(
        app,
        some(app, 20, days_ago=2, track_id="measured", source="export", ms_played=180_000),
        some(app, 20, days_ago=1, track_id="known"),
    )

    [text] = captions_of(app, "track", id=track_id, by=by)

    assert text.endswith("· minutes estimated") == is_estimated


@cache
def without_names() -> InventedWarehouse:
    """Spotify returned no name of anything, and Spark's lists have none either."""
    full, names = warehouse(NOW), ("track_name", "artist_name", "artist_names", "album_name")
    lost = {name: full.tables[name].assign(**dict.fromkeys(names)) for name in ("plays", "top_tracks")}
    return replace(full, tables={**full.tables, **lost})


@pytest.fixture
def nameless(app: App) -> App:
    return app.over(without_names())


@pytest.mark.parametrize("by", ["Minutes", "Plays"])
@pytest.mark.parametrize("page", LISTENING)
def test_what_has_no_name_is_called_unknown(nameless: App, page: str, by: str) -> None:
    drawn = nameless.open(page, period="All time", by=by)

    assert not re.search(r"\*\*(None|nan|<NA>)?\*\*|>(None|nan|<NA>)<", text_of(drawn))
    if page in ("overview", "top", "discoveries", "year"):
        assert "Unknown track" in text_of(drawn)


def test_of_plays_whose_artists_are_not_known_no_part_is_called_old(app: App) -> None:
    with_plays(app, some(app, 12, days_ago=3, **dict.fromkeys(("artist_id", "artist_name", "artist_names"))))

    text = text_of(app.open("discoveries"))

    assert "No artists are known for these plays." in text
    assert "of your listening" not in text


def test_plays_of_a_known_artist_without_a_length_are_not_plays_of_an_unknown_artist(app: App) -> None:
    unknown = dict.fromkeys(("artist_id", "artist_name", "artist_names", "album_release_date"))
    with_plays(
        app,
        some(app, 19, days_ago=3, track_id="known", duration_ms=None, album_release_date="2020-01-01"),
        some(app, 1, days_ago=2, track_id="unknown", **unknown),
    )

    text = text_of(app.open("discoveries", by="Minutes"))

    assert text.count("No length is known of plays whose artist is known.") == 2
    assert text.count("No length is known of plays whose release date is known.") == 1
    assert "for these plays" not in text


@pytest.mark.parametrize(("lengths", "size"), [(180_000, "the listening time"), (None, "the number of plays")])
def test_a_circle_of_the_mood_map_is_as_large_as_the_caption_says(app: App, lengths: int | None, size: str) -> None:
    with_plays(app, some(app, 30, days_ago=2, duration_ms=lengths, energy=0.5, valence=0.5))

    assert f"A circle is a track, its size {size}:" in text_of(app.open("sound"))


@pytest.mark.parametrize("kind", ["Artists", "Albums"])
def test_an_artist_or_album_without_a_name_leads_as_unknown(nameless: App, kind: str) -> None:
    assert re.search(rf"\*\*Unknown {kind[:-1].lower()}\*\* leads with", text_of(nameless.open("top", kind=kind)))


@pytest.mark.parametrize(("page", "column"), [("track", "track_id"), ("artist", "artist_id"), ("album", "album_id")])
def test_an_item_without_a_name_has_a_page(nameless: App, page: str, column: str) -> None:
    drawn = nameless.open(page, id=key_of(nameless, column))

    assert drawn.title[0].value == f"Unknown {page}"


@pytest.mark.parametrize("page", [*LISTENING, "track"])
def test_a_listener_whose_plays_all_do_not_count_is_shown_why(app: App, page: str) -> None:
    with_plays(app, some(app, 12, days_ago=3, source="export", ms_played=29_999))

    drawn = app.open(page)

    assert "No play of Ania counts yet" in text_of(drawn)
    assert "12 plays from an export are stored" in text_of(drawn)
    assert "A play of an export counts from 30 seconds on" in text_of(drawn)
    assert "Nothing was played" not in text_of(drawn)
    assert not drawn.metric


def test_the_pipeline_is_shown_while_no_play_counts(app: App) -> None:
    drawn = with_plays(app, some(app, 1, days_ago=3, source="export", ms_played=0)).open("pipeline")

    assert drawn.metric


def test_decades_of_plays_of_unknown_length_are_counted_in_plays(app: App) -> None:
    with_plays(app, some(app, 30, days_ago=3, duration_ms=pd.NA))

    drawn = app.open("discoveries")

    assert "No minutes of these plays are known" in text_of(drawn)
    assert re.search(r"The \*\*\d{4}s\*\* lead with \d+% of listening", text_of(drawn))


def test_the_sound_page_says_in_english_what_changed(app: App) -> None:
    unknown: dict[str, Any] = dict.fromkeys(FEATURES)
    usual = unknown | {"energy": 0.2, "valence": 0.9, "instrumentalness": 0.1, "liveness": 0.1}
    with_plays(
        app,
        some(app, 30, days_ago=60, track_id="old", **usual),
        some(app, 30, days_ago=2, track_id="new", **usual | {"instrumentalness": 0.9, "liveness": 0.5}),
    )
    text = text_of(app.open("sound", zone="UTC"))

    assert (
        "Your music is **more instrumental** than usual: Instrumental is 0.40 higher than your average of all time."
    ) in text
    assert "The largest part, **100%**, went to music that is **calm and happy**." in text


@pytest.mark.parametrize(("days_ago", "month"), [(2, "**November 2026** so far"), (30, "**October 2026**")])
def test_a_trend_is_of_all_time_and_says_whether_its_last_month_goes_on(app: App, days_ago: int, month: str) -> None:
    played = [("old", 60, 0.1), ("new", days_ago, 0.5)]
    with_plays(
        app, *[some(app, 30, days_ago=days, track_id=name, liveness=live, energy=0.5) for name, days, live in played]
    )

    text = text_of(app.open("sound", zone="UTC", feature="Live feel", period="90 days"))

    assert f"In {month} your music was **more like a concert** than in the months before: 0.50 against 0.10." in text
    assert "Of all time, not of the period." in text


def test_the_sound_page_has_no_cards_of_what_did_not_change(app: App) -> None:
    drawn = with_plays(app, some(app, 30, days_ago=2, energy=0.5)).open("sound")

    assert "Nothing: each feature is at its average of all time." in text_of(drawn)
    assert not drawn.metric


def test_an_unknown_mood_is_not_at_zero_percent(app: App) -> None:
    with_plays(app, some(app, 30, days_ago=2, energy=0.5, valence=float("nan")))

    drawn = app.open("sound")

    assert "No mood is known for these plays." in text_of(drawn)
    assert "**0%**" not in text_of(drawn)


@pytest.mark.parametrize(
    ("tracks", "plays", "says"),
    [(1, 20, " was played most: 20 times."), (3, 7, " was played most: 7 times, shared by 3."), (21, 1, "")],
)
def test_a_track_was_played_most_where_one_was_played_twice(app: App, tracks: int, plays: int, says: str) -> None:
    with_plays(app, *[some(app, plays, days_ago=2 + n / 24, track_id=f"t{n:02}") for n in range(tracks)])

    text = text_of(app.open(zone="UTC"))

    assert (says or "a day** on average.\n") in text
    assert ("was played most" in text) == bool(says)


def test_one_day_and_one_play_are_said_in_the_singular(app: App) -> None:
    day = {"period": "Custom", "dates": ["2026-11-20", "2026-11-20"], "zone": "UTC"}
    with_plays(app, *per_day(app, range(9)))
    assert "as much as the day before." in text_of(app.open(**day))
    assert "The arrow compares with the day before;" in text_of(app.open("top", **day))

    with_plays(app, some(app, 1, days_ago=1))
    assert "1 play in a day, or more" in text_of(app.open("when", by="Plays"))
    assert "No track has been played twenty times yet." in text_of(app.open("discoveries"))
    assert f"In **{NOW.year}** so far there was **1 play**." in text_of(app.open("year", by="Plays"))


def test_there_is_no_hour_of_most_listening_where_every_play_lies_in_a_gap(app: App) -> None:
    gaps = gaps_of((f"{NOW - timedelta(days=6):%Y-%m-%d %H:%M}", f"{NOW:%Y-%m-%d %H:%M}"))
    text = text_of(with_plays(app, some(app, 40, days_ago=3), gaps=gaps).open("when", period="7 days"))
    assert "There is no average: all that was played lies in hours with gaps or in hours to come, or no length" in text
    assert "You listen most on" not in text


def test_of_a_long_session_the_first_five_hundred_plays_are_listed(app: App) -> None:
    """A list is one message, of which the server takes 2 MB: of these plays, a minute each, it had 3 MB."""
    noise = pd.concat([some(app, 1, days_ago=3)] * 3_000, ignore_index=True)
    noise["played_at"] += pd.to_timedelta(range(3_000), unit="min")
    drawn = with_plays(app, noise.assign(ms_played=60_000)).open("when", period="7 days", zone="UTC")
    drawn.session_state["session_1"] = True
    drawn.run()

    assert not drawn.exception
    [played] = [str(one.value) for one in drawn.get("html") if "3,000 plays" in str(one.value)]
    assert played.count("<li") == 500
    assert "The first 500 of 3,000." in text_of(drawn)


def test_a_day_whose_lengths_are_unknown_had_music_all_the_same(app: App) -> None:
    unknown = some(app, 2, days_ago=3, duration_ms=pd.NA, ms_played=pd.NA)
    text = text_of(with_plays(app, some(app, 40, days_ago=5), unknown).open("when", period="7 days"))
    assert "2 of 6 days had music." in text


def test_when_something_was_played_first_in_the_period_is_not_called_the_first_time(app: App) -> None:
    """Once a year ago, and five and two days ago."""
    drawn = with_plays(app, *[some(app, 1, days_ago=days, track_id="a") for days in (400, 5, 2)]).open(
        "top", zone="UTC"
    )

    [row] = drawn.dataframe[0].value.to_dict("records")
    assert f"{row['First in period']:%-d %b} to {row['Last in period']:%-d %b}" == "19 Nov to 22 Nov"
    assert "First played" not in row


@pytest.mark.parametrize(
    ("search", "until", "says"),
    [
        ("", "2026-11-21", "**1 play** up to 21 Nov 2026. Here: Thu 19 Nov 2026, 12:00."),
        ("*old*", "2026-11-21", r"**1 play** matches “\*old\*” up to 21 Nov 2026. Here: Thu 19 Nov 2026, 12:00."),
        ("new", "2026-11-21", "No play matches “new” up to 21 Nov 2026."),
        ("", "2026-11-01", "No plays up to 1 Nov 2026."),
        ("", "", "**2 plays** in all. Here: "),
        ("new", "", "**1 play** matches “new”. Here: "),
        ("*none*", "", r"No play matches “\*none\*”."),
    ],
)
def test_the_history_says_up_to_which_day_it_counts(app: App, search: str, until: str, says: str) -> None:
    """One track five days ago and another two days ago."""
    played = ((5, "old"), (2, "new"))
    old, new = (some(app, 1, days_ago=days, track_id=name, track_name=f"*{name}*") for days, name in played)

    assert says in text_of(with_plays(app, old, new).open("history", zone="UTC", q=search, until=until))


@pytest.mark.parametrize(
    ("search", "until", "which"),
    [
        ("", "", " in all"),
        ("", "2026-11-21", " up to 21 Nov 2026"),
        ("a", "", " match “a”"),
        ("a", "2026-11-21", " match “a” up to 21 Nov 2026"),
    ],
)
def test_a_place_before_every_play_names_the_search_and_the_day(app: App, search: str, until: str, which: str) -> None:
    """Plays five days ago of one track, and the address of a place in 2020."""
    plays = some(app, 101, days_ago=5, track_id="a", track_name="a")
    shown = {"zone": "UTC", "q": search, "until": until}
    drawn = with_plays(app, plays).open("history", **shown).button(key="older").click().run()
    drawn = app.open("history", **shown, before="2020" + drawn.query_params["before"][4:])

    assert f"**101 plays**{which}, none of them older than the place in this address." in text_of(drawn)


def test_minutes_that_are_not_known_are_empty_in_tables_and_files(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both listeners played one track of which Spotify has returned no length, and one of three minutes."""
    files: dict[str, pd.DataFrame] = {}
    monkeypatch.setattr(downloads, "menu", lambda frame, name: files.update({name: frame}))
    lengths = {"known": 180_000, "unknown": None}
    of_one = [some(app, 1, days_ago=2, track_id=name, duration_ms=length) for name, length in lengths.items()]
    of_two = [plays.assign(listener_id="listener-two") for plays in of_one]
    with_plays(app, *of_one, *of_two)

    drawn_top, drawn_history = (app.open(page, zone="UTC") for page in ("top", "history"))
    top, history = (drawn.dataframe[0].value for drawn in (drawn_top, drawn_history))
    app.open("together", zone="UTC")

    assert sorted(top["Minutes"].fillna(-1)) == [-1, 3]
    assert sorted(files["top-tracks"]["Minutes"].fillna(-1)) == [-1, 3]
    assert sorted(history["Minutes"].fillna(-1)) == [-1, 3]
    for drawn in (drawn_top, drawn_history):
        proto = drawn.dataframe[0].proto
        assert (proto.HasField("placeholder"), proto.placeholder) == (True, ""), "the grid says None"
    assert set(zip(history["Minutes"].isna(), history["Minutes are"].isna(), strict=True)) == {
        (True, True),
        (False, False),
    }
    assert sorted(files["shared-tracks"]["Bo: minutes"].fillna(-1)) == [-1, 3]


@pytest.mark.parametrize("kind", tops.KINDS)
def test_the_list_of_all_and_its_file_name_each_of_them(app: App, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    files: dict[str, pd.DataFrame] = {}
    monkeypatch.setattr(downloads, "menu", lambda frame, name: files.update({name: frame}))
    column = kind[:-1]

    drawn = with_plays(app, some(app, 9, days_ago=2)).open("top", kind=kind)

    names = set(mine_of(app)[f"{column.lower()}_name"])
    assert set(drawn.dataframe[0].value[column]) == set(files[f"top-{kind.lower()}"][column]) == names
