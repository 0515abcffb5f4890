"""The dashboard's entry point: pages, navigation, filter bar, and the messages for viewers who may not see them."""

from datetime import UTC, datetime
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import Page

from access import viewer
from access.identity import NotAllowed, NotConfigured, NotSignedIn, NotVerified
from components import footer, markup, messages, page_frame
from components.filter_bar import filter_bar
from settings import SettingsError
from warehouse.errors import TablesMissing, WarehouseUnreadable

HERE = Path(__file__).parent


def pages(*, compares: bool) -> list[Page]:
    """The page Together is in the menu only where there is more than one listener to see."""
    return [
        st.Page(
            "app_pages/overview_page.py",
            title="Overview",
            icon=":material/home:",
            default=True,
            help="What you listened to lately, the top ten, the last plays.",
        ),
        st.Page(
            "app_pages/top_page.py",
            title="Top",
            icon=":material/leaderboard:",
            url_path="top",
            help="Favourite tracks, artists and albums of any period.",
        ),
        st.Page(
            "app_pages/when_page.py",
            title="When",
            icon=":material/schedule:",
            url_path="when",
            help="Hours, weekdays, every day of a year, streaks, long sessions.",
        ),
        st.Page(
            "app_pages/discoveries_page.py",
            title="Discoveries",
            icon=":material/explore:",
            url_path="discoveries",
            help="What is new, what stuck, what was forgotten.",
        ),
        st.Page(
            "app_pages/sound_page.py",
            title="Sound",
            icon=":material/graphic_eq:",
            url_path="sound",
            help="What the music sounds like: energy, mood, tempo, and how they change.",
        ),
        st.Page(
            "app_pages/year_page.py",
            title="Year",
            icon=":material/calendar_month:",
            url_path="year",
            help="Any calendar year or month, to keep as a picture.",
        ),
        st.Page(
            "app_pages/history_page.py",
            title="History",
            icon=":material/history:",
            url_path="history",
            help="Every play, to search and to download.",
        ),
        st.Page(
            "app_pages/together_page.py",
            title="Together",
            icon=":material/group:",
            url_path="together",
            help="What listeners share, who was first, what one could show the other.",
            visibility="visible" if compares else "hidden",
        ),
        st.Page(
            "app_pages/pipeline_page.py",
            title="Pipeline",
            icon=":material/account_tree:",
            url_path="pipeline",
            help="Whether it works, what is missing and what to do.",
        ),
        st.Page("app_pages/track_page.py", title="Track", url_path="track", visibility="hidden"),
        st.Page("app_pages/artist_page.py", title="Artist", url_path="artist", visibility="hidden"),
        st.Page("app_pages/album_page.py", title="Album", url_path="album", visibility="hidden"),
        st.Page("app_pages/about_page.py", title="About", url_path="about", visibility="hidden"),
    ]


WITH_PERIOD = ("Overview", "Top", "When", "Discoveries", "Sound", "Together")
WITHOUT_FILTERS = ("About",)
WITHOUT_LISTENER = ("Together",)
"""It has a choice of its own, of several."""
COMPARES = "compares_listeners"
"""Where the session remembers whether its viewer may see several."""


def run() -> None:
    """Draws the chosen page inside what all pages have in common."""
    st.set_page_config(page_title="Heavy Rotation", page_icon=str(HERE / "static" / "icon.png"), layout="wide")
    page = st.navigation(pages(compares=st.session_state.get(COMPARES, False)), position="top")
    st.html(markup.STYLE)
    body = st.container()
    footer.draw()
    with body:
        _draw(page)


def _draw(page: Page) -> None:
    """Errors that keep a page from being drawn become messages here."""
    heading = st.empty()
    heading.title(page.title, anchor=False)
    try:
        _draw_for_viewer(page, heading)
    except (SettingsError, NotConfigured) as error:
        messages.misconfigured(str(error))
    except NotSignedIn:
        messages.not_signed_in()
    except NotVerified as error:
        messages.not_verified(str(error))
    except NotAllowed as error:
        messages.not_allowed(str(error))
    except TablesMissing:
        messages.never_run(viewer.opened()[0])
    except WarehouseUnreadable as error:
        messages.unreadable(str(error))


def _draw_for_viewer(page: Page, heading: DeltaGenerator) -> None:
    """The filter bar belongs to this script, not to the pages: only then Streamlit keeps its values between them."""
    who = viewer.current_viewer()
    if who is None:
        messages.never_run(viewer.opened()[0])
        return
    compares = len(who.listeners) > 1
    if compares != st.session_state.get(COMPARES, False):
        # The menu comes first, before a slow warehouse says who may see whom: once a session it is drawn again.
        st.session_state[COMPARES] = compares
        st.rerun()
    now, has_period = datetime.now(UTC), page.title in WITH_PERIOD
    chosen = filter_bar(
        who,
        now,
        is_shown=page.title not in WITHOUT_FILTERS,
        has_period=has_period,
        has_listener=page.title not in WITHOUT_LISTENER,
    )
    page_frame.begin(page_frame.Head(heading, who, chosen, now, has_period))
    page.run()


run()
