"""The filter bar over the whole app: what follows the listener, and what stays because the viewer chose it."""

import re
from datetime import date

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.pages.app import App, text_of


def choose(drawn: AppTest, key: str, value: str) -> AppTest:
    return drawn.selectbox(key=key).select(value).run()


def test_another_listeners_times_are_shown_in_their_own_zone(app: App) -> None:
    drawn = app.open()
    assert "times in Europe/Berlin" in text_of(drawn)

    assert "times in America/New_York" in text_of(choose(drawn, "listener", "Bo"))
    # Of whom the owner set no zone: where the browser is.
    assert "times in America/Los_Angeles" in text_of(choose(drawn, "listener", "listener-three"))
    assert "times in Europe/Berlin" in text_of(choose(drawn, "listener", "Ania"))
    assert "zone" not in drawn.query_params, "a default is not in the address"


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "UTC"])
def test_a_zone_that_the_viewer_chose_stays_with_every_listener_and_page(app: App, zone: str) -> None:
    drawn = choose(app.open(), "zone_shown", zone)

    drawn = choose(drawn, "listener", "Bo").switch_page("app_pages/top_page.py").run()

    assert f"times in {zone}" in text_of(drawn)


def test_what_is_chosen_in_the_options_counts_and_the_options_show_what_counts(app: App) -> None:
    drawn = app.open(by="Plays", zone="Asia/Tokyo")
    assert (drawn.segmented_control(key="by_shown").value, drawn.selectbox(key="zone_shown").value) == (
        "Plays",
        "Asia/Tokyo",
    )

    drawn = choose(drawn, "zone_shown", "Asia/Kathmandu")
    assert drawn.segmented_control(key="zone").value == "Asia/Kathmandu"
    assert "times in Asia/Kathmandu" in text_of(drawn)
    drawn = drawn.segmented_control(key="by_shown").select("Minutes").run()
    assert drawn.segmented_control(key="by").value == "Minutes"


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Japan"])
def test_a_zone_from_the_address_stays_when_the_listener_changes(app: App, zone: str) -> None:
    drawn = choose(app.open(zone=zone), "listener", "Bo")

    assert f"times in {zone}" in text_of(drawn)
    assert drawn.selectbox(key="zone_shown").value == zone


def test_days_up_to_today_stay_chosen_in_a_zone_where_today_is_yesterday(app: App) -> None:
    dates = ["2026-11-20", "2026-11-25"]
    drawn = app.open("history", period="Custom", dates=dates, until=dates[1], zone="Pacific/Auckland")

    drawn = choose(drawn, "zone_shown", "UTC")

    assert drawn.date_input(key="until").value == date(2026, 11, 25)
    assert drawn.date_input(key="dates").value == (date(2026, 11, 20), date(2026, 11, 25))


def test_a_page_opened_anew_keeps_what_its_address_says_even_where_that_is_another_listeners_home(app: App) -> None:
    drawn = app.open(listener="Bo", zone="Europe/Berlin")

    assert "times in Europe/Berlin" in text_of(drawn)
    assert "times in Europe/Berlin" in text_of(drawn.switch_page("app_pages/when_page.py").run())


def test_the_search_of_the_favourites_is_in_the_address(app: App) -> None:
    drawn = app.open("top", search="no such song")

    assert "No track of this period matches “no such song”." in text_of(drawn)
    assert "leads with" not in text_of(drawn)
    assert not drawn.dataframe


def test_a_decade_that_another_listener_has_not_leaves_the_address(app: App) -> None:
    drawn = app.open("discoveries", period="7 days", decade="1980s")
    assert drawn.query_params["decade"] == "1980s"

    drawn.selectbox(key="listener").set_value("listener-three").run()

    assert "1980s" not in drawn.selectbox(key="decade").options
    assert "decade" not in drawn.query_params


def test_the_decade_that_is_looked_into_is_in_the_address(app: App) -> None:
    drawn = app.open("discoveries")
    shown = re.findall(r"Of the (\d{4}s)", text_of(drawn))
    (other, *_) = [decade for decade in drawn.selectbox(key="decade").options if decade not in shown]

    assert f"Of the {other}" in text_of(app.open("discoveries", decade=other))
    assert f"Of the {shown[0]}" in text_of(app.open("discoveries", decade="<b>"))


@pytest.mark.parametrize("dates", [["2026-11-16"], ["2026-11-16", "2026-11-16"]])
def test_one_day_is_a_period_although_the_address_names_it_only_once(app: App, dates: list[str]) -> None:
    drawn = app.open("top", period="Custom", dates=dates)

    assert not drawn.exception
    assert "16 Nov 2026 · times in" in text_of(drawn)
    assert "leads with" in text_of(drawn)
