"""Every page over a full warehouse: what it says, what it links to, what its filters do."""

import json
import re
from calendar import month_abbr
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import humanize
from components.markdown import literal
from tests.dashboard.invented import warehouse
from tests.dashboard.invented.history import gaps_of
from tests.dashboard.page_names import HIDDEN, LISTENING, PAGES
from tests.dashboard.pages.app import NOW, App, charts_of, key_of, mine_of, some, text_of, with_plays
from theme import colours_of

WITH_CHARTS = ("overview", "when", "discoveries", "sound", "year", "together", "pipeline")


@pytest.mark.parametrize(
    ("revision", "shown"), [("", "run from a checkout"), ("dashboard-00012-abc", "dashboard-00012-abc")]
)
def test_about_shows_which_version_runs_and_who_else_learns_something(app: App, revision: str, shown: str) -> None:
    app.environment(K_REVISION=revision, SCHEDULE="5 */6 * * *")

    version = (Path(__file__).parents[3] / "dashboard/VERSION").read_text().strip()
    text = text_of(app.open("about"))
    assert f"Version: {version}, {shown}, on Streamlit " in text
    assert "ReccoBeats for audio features, that service learns the tracks' ids" in text
    assert "every 6 hours it fetches the last 50 plays" in text


@pytest.mark.parametrize("page", [*PAGES, "about"])
def test_every_page_answers_in_a_sentence_and_keeps_the_attribution_that_spotify_asks_for(
    full: Callable[[str], AppTest], page: str
) -> None:
    drawn = full(page)

    said = text_of(drawn)
    assert drawn.title[0].value == page.capitalize()
    assert re.search(r"[a-z][.!]($|\n)", said), "no sentence"
    assert 'alt="Spotify"' in said
    assert "Data and covers from" in said


@pytest.mark.parametrize("page", LISTENING)
def test_every_page_follows_every_filter(app: App, page: str) -> None:
    dates = ["2026-10-15", "2026-11-15"]
    chosen = app.open(page, period="Custom", dates=dates, by="Plays", zone="Asia/Kathmandu", listener="listener-three")
    usual = app.open(page, period="12 months")

    for drawn, listener, period, zone in (
        (chosen, "listener-three", "15 Oct – 15 Nov 2026", "imes in Asia/Kathmandu"),
        (usual, "Ania", "25 Nov 2025 – 24 Nov 2026", "imes in Europe/Berlin"),
    ):
        [caption] = [line.value for line in drawn.caption if "newest play" in line.value]
        knows_no_period = page in ("year", "history")
        assert caption.startswith(f"T{zone} · " if knows_no_period else f"{period} · t{zone} · ")
        assert caption.endswith(" · minutes estimated"), "whatever decides the order"
        assert drawn.selectbox(key="listener").value == listener
        assert len(drawn.expander) >= 1, "nothing says how it is counted"


@pytest.mark.parametrize("page", WITH_CHARTS)
def test_every_chart_says_in_words_what_it_shows_and_leaves_no_instant_to_the_clock_of_the_browser(
    full: Callable[[str], AppTest], page: str
) -> None:
    drawn = charts_of(full(page))

    assert drawn
    assert all(len(chart.alt) > 10 and "*" not in chart.alt for chart in drawn)
    assert not [chart.spec for chart in drawn if '"temporal"' in chart.spec or "timeUnit" in chart.spec]
    axes = [json.loads(chart.spec)["config"]["axis"] for chart in drawn]
    assert axes == [dict.fromkeys(("labelColor", "titleColor"), colours_of("light").muted)] * len(drawn)


def test_the_overview_shows_the_ten_that_spark_computed_and_says_when(app: App) -> None:
    top = app.warehouse.tables["top_tracks"]
    mine = top[(top["listener_id"] == "listener-one") & (top["period"] == "last_28_days")]

    text = text_of(app.open())

    listed = re.search(r'<ol class="hr-rows hr-ranked[^"]*" aria-label="Top ten tracks".*?</ol>', text)
    assert listed
    positions = [listed.group().find(f"id={track_id}") for track_id in mine["track_id"]]
    assert -1 not in positions
    assert positions == sorted(positions)
    assert "Computed by Spark" in text
    assert mine["run_id"].iloc[0] in text
    assert f"counted up to {humanize.moment(mine['as_of'].iloc[0].tz_convert('Europe/Berlin'))}. Computed" in text


def test_a_period_that_spark_has_no_list_of_is_counted_in_the_app_and_says_so(app: App) -> None:
    text = text_of(app.open(period="90 days"))

    assert "Counted in this app just now, by minutes" in text
    assert "Computed by Spark" not in text


def test_shared_ranks_are_marked_for_eye_and_ear(app: App) -> None:
    top = app.warehouse.tables["top_tracks"].copy()
    mine = (top["listener_id"] == "listener-one") & (top["period"] == "last_28_days")
    top.loc[mine, "rank"] = [1, 1, *range(3, 11)]

    text = text_of(app.over(app.warehouse.with_table("top_tracks", top)).open())

    assert text.count('1<span aria-hidden="true">=</span><span class="hr-hidden"> shared</span>') == 2


def test_the_days_of_a_gap_are_named_and_outlined(app: App) -> None:
    drawn = app.open()
    text, trend = text_of(drawn), json.loads(charts_of(drawn)[0].spec)

    assert "Plays may be missing on" in text
    assert "(1 gap)" in text, "not the one of 120 days ago"
    assert "Plays may be missing on" in text_of(app.open("year", year="2026", month="Nov"))
    assert [layer for layer in trend["layer"] if layer["mark"].get("strokeDash")]


@pytest.mark.parametrize(
    ("zone", "gap_end", "is_named"),
    [("Europe/Berlin", "23:30", True), ("Europe/Berlin", "23:00", False), ("UTC", "23:30", False)],
)
def test_a_gap_belongs_to_a_period_that_began_before_its_end(app: App, zone: str, gap_end: str, is_named: bool) -> None:
    """28 October, the first of the 28 days, begins at 23:00 UTC in Berlin."""
    with_plays(app, some(app, 10, days_ago=9), gaps=gaps_of(("2026-10-27 22:00", f"2026-10-27 {gap_end}")))

    assert ("(1 gap)" in text_of(app.open(zone=zone))) == is_named


def test_estimated_minutes_are_called_estimated(full: Callable[[str], AppTest]) -> None:
    assert "Minutes are estimated" in text_of(full("overview"))


def test_a_page_without_minutes_does_not_call_them_estimated(full: Callable[[str], AppTest]) -> None:
    assert "minutes estimated" not in text_of(full("pipeline"))


def test_measured_minutes_are_not_called_estimated(app: App) -> None:
    plays = app.warehouse.tables["plays"]
    measured = plays.assign(ms_played=plays["duration_ms"].astype("Int64"), source="export")

    assert "Minutes are estimated" not in text_of(app.over(app.warehouse.with_plays(measured)).open())


@pytest.mark.parametrize(("page", "column"), [("track", "track_id"), ("artist", "artist_id"), ("album", "album_id")])
def test_an_item_has_a_page_with_its_rank_and_its_link_to_spotify(app: App, page: str, column: str) -> None:
    key = key_of(app, column)

    drawn = app.open(page, id=key, by="Plays")

    assert re.search(r"Number \*\*[\d,]+\*\*( \(shared\))? of [\d,]+ by plays: ", text_of(drawn))
    assert "Around it" in text_of(drawn)
    assert drawn.link_button[0].url == f"https://open.spotify.com/{page}/{key}"


@pytest.mark.parametrize("page", HIDDEN[:-1])
def test_an_item_without_plays_is_shown_as_unknown(app: App, page: str) -> None:
    drawn = app.open(page, id="<script>alert(1)</script>")

    assert f"This {page} is not in the history" in text_of(drawn)
    assert "<script>" not in text_of(drawn)


def test_links_to_items_carry_the_filters(app: App) -> None:
    text = text_of(app.open("top", period="90 days", by="Plays", zone="Asia/Tokyo"))

    assert re.search(r'href="track\?period=90\+days&amp;by=Plays&amp;zone=Asia%2FTokyo&amp;id=\w+"', text)


def test_filters_survive_a_change_of_page(app: App) -> None:
    drawn = app.open(period="90 days", by="Plays")

    drawn = drawn.switch_page("app_pages/when_page.py").run()

    assert drawn.segmented_control(key="period").value == "90 days"
    assert drawn.segmented_control(key="by").value == "Plays"


def test_hours_follow_the_chosen_zone_to_the_quarter_hour(app: App) -> None:
    mine = mine_of(app).tail(40)
    quarter_past_six = pd.Timestamp(NOW - timedelta(days=3)).replace(hour=18, minute=20)
    app.over(app.warehouse.with_plays(mine.assign(played_at=quarter_past_six + pd.to_timedelta(range(40), unit="s"))))

    text = text_of(app.open("when", zone="Asia/Kathmandu"))

    # 18:20 UTC is 00:05 of the next day in Kathmandu, which is 5:45 ahead.
    next_day = (quarter_past_six + timedelta(days=1)).day_name()
    assert f"You listen most on **{next_day}s, 00:00–01:00**" in text


@pytest.mark.parametrize("page", ["top", "history"])
def test_a_search_finds_what_holds_each_of_its_words_in_any_order(app: App, page: str) -> None:
    play = mine_of(app).iloc[-1]
    words = f" {play['artist_name']}  {play['track_name'].upper()} "

    [*found] = app.open(page, **{"top": {"search": words}, "history": {"q": words}}[page]).dataframe[0].value["Track"]

    assert set(found) == {play["track_name"]}


@pytest.mark.parametrize(("page", "key"), [("top", "search"), ("history", "q")])
def test_blanks_alone_are_no_search(app: App, page: str, key: str) -> None:
    assert not re.search("(with|match|matches) “", text_of(app.open(page, **{key: "  "})))


def test_the_history_ends_on_any_day_since_spotify_began(app: App) -> None:
    long_ago = mine_of(app).head(5).assign(played_at=pd.date_range("2014-05-01", periods=5, tz="UTC"))
    app.over(app.warehouse.with_plays(pd.concat([long_ago, mine_of(app)])))

    assert "**5 plays** up to 1 Jun 2014." in text_of(app.open("history", until="2014-06-01"))


def test_history_turns_its_pages_back_and_forth(app: App) -> None:
    drawn = app.open("history")
    newest = list(drawn.dataframe[0].value["Played"])

    drawn.button(key="older").click().run()
    older = list(drawn.dataframe[0].value["Played"])
    drawn.button(key="newer").click().run()

    assert max(older) <= min(newest)
    assert list(drawn.dataframe[0].value["Played"]) == newest


def test_months_that_have_not_begun_are_not_offered_not_even_from_the_address(app: App) -> None:
    begun = ["Whole year", *month_abbr[1 : NOW.month + 1]]
    drawn = app.open("year", year=str(NOW.year - 1), month="Dec")
    assert list(drawn.button_group(key="month").options)[-1] == "Dec"

    drawn.button_group(key="year").set_value([str(NOW.year)]).run()

    assert not drawn.exception
    assert list(drawn.button_group(key="month").options) == begun
    assert "month" not in drawn.query_params, "which shows the whole year"
    app.open("year", year=str(NOW.year), month="Dec")


def test_the_place_in_the_history_outlives_the_session(app: App) -> None:
    first = app.open("history")
    first.button(key="older").click().run()
    place = first.query_params["before"]

    again = app.open("history", before=place)

    assert list(again.dataframe[0].value["Played"]) == list(first.dataframe[0].value["Played"])
    assert not again.button(key="newer").disabled


def test_another_search_or_listener_starts_at_the_newest_play_again(app: App) -> None:
    drawn = app.open("history")
    drawn.button(key="older").click().run()
    place = drawn.query_params["before"]

    assert app.open("history", before=place, listener="Bo").button(key="newer").disabled
    drawn.text_input(key="q").set_value("letter").run()

    assert drawn.button(key="newer").disabled


@pytest.mark.parametrize("place", ["rubbish", "2006-01-01T00:00:00~a", "9999-01-01T00:00:00~a", "2026-11-01~<script>"])
def test_any_place_in_the_address_of_the_history_is_survived(app: App, place: str) -> None:
    drawn = app.open("history", before=place)

    assert f"**{len(mine_of(app)):,} plays**" in text_of(drawn)


def test_the_top_ten_of_spark_says_how_many_more_share_the_last_rank(app: App) -> None:
    """Thirteen tracks, each played once in the week: three of them have no room in the list."""
    last = mine_of(app).drop_duplicates("isrc").tail(13)
    recent = last.assign(played_at=pd.Timestamp(NOW - timedelta(days=1)) + pd.to_timedelta(range(13), unit="min"))
    top = warehouse.top_of("listener-one", recent, NOW)
    app.over(app.warehouse.with_table("top_tracks", top).with_plays(recent))

    text = text_of(app.open(period="7 days"))

    assert "Computed by Spark" in text
    assert "and 3 more tied at 1" in text
    assert "leads with 1 play, shared by 13." in text_of(app.open("top", period="7 days", by="Plays"))


def test_a_page_of_an_item_marks_it_among_its_neighbours(app: App) -> None:
    key = key_of(app, "artist_id")

    text = text_of(app.open("artist", id=key))

    [current] = re.findall(r'<li aria-current="true">.*?</li>', text)
    assert f"id={key}" in current


def test_a_name_with_markup_in_it_is_only_text_on_its_page(app: App) -> None:
    plays = app.warehouse.tables["plays"]
    name = "*Bold* $x$ :smile: [link](http://x)"
    app.over(app.warehouse.with_plays(plays.assign(track_name=name)))

    drawn = app.open("track", id=key_of(app, "track_id"))

    assert drawn.title[0].value == literal(name)
    assert drawn.title[0].value.startswith("\\*Bold\\* \\$x\\$ \\:")


@pytest.mark.parametrize(("month", "named"), [("Whole year", ""), ("Feb", "February ")])
def test_a_year_and_a_month_can_be_kept_as_a_picture(app: App, month: str, named: str) -> None:
    drawn = app.open("year", year=str(NOW.year - 1), month=month)

    assert f"In **{named}{NOW.year - 1}** you listened for" in text_of(drawn)
    assert "Keep it" in text_of(drawn)
    assert ("Who led when" in text_of(drawn)) == (month == "Whole year")
    assert ("Day by day" in text_of(drawn)) == (month == "Feb")
