"""The dashboard's entry point: pages, navigation, filter bar, and the messages for viewers who may not see them."""

from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import Page

from access import viewer
from access.identity import IAP_HEADER, NotAllowed, NotConfigured, NotSignedIn, NotVerified
from components import markup, messages, page_frame
from components.filter_bar import filter_bar
from settings import SettingsError
from theme import colours
from warehouse.errors import TablesMissing, WarehouseUnreadable

HERE = Path(__file__).parent


IN_MENU = {
    "Overview": ("home", "What you listened to lately, the top ten, the last plays."),
    "Top": ("leaderboard", "Favourite tracks, artists and albums of any period."),
    "When": ("schedule", "Hours, weekdays, every day of a year, streaks, long sessions."),
    "Discoveries": ("explore", "What is new, what stuck, what was forgotten."),
    "Sound": ("graphic_eq", "What the music sounds like: energy, mood, tempo, and how they change."),
    "Year": ("calendar_month", "Any calendar year or month, to keep as a picture."),
    "History": ("history", "Every play, to search and to download."),
    "Together": ("group", "What listeners share, who was first, what one could show the other."),
    "Pipeline": ("account_tree", "Whether it works, what is missing and what to do."),
}
"""Title: icon, what the page shows. The title is also the page's address and the name of its file."""
ITEMS = ("Track", "Artist", "Album")
LINKED = (*ITEMS, "About")
WITH_PERIOD = ("Overview", "Top", "When", "Discoveries", "Sound", "Together")
COMPARES = "compares_listeners"
"""The key in the session: whether its viewer may see several."""


def pages(*, compares: bool) -> list[Page]:
    """The page Together is in the menu only where there is more than one listener to see."""
    shown = [
        st.Page(
            f"app_pages/{title.lower()}_page.py",
            title=title,
            icon=f":material/{icon}:",
            url_path=title.lower(),
            default=title == "Overview",
            help=what,
            visibility="visible" if compares or title != "Together" else "hidden",
        )
        for title, (icon, what) in IN_MENU.items()
    ]
    linked = [
        st.Page(f"app_pages/{title.lower()}_page.py", title=title, url_path=title.lower(), visibility="hidden")
        for title in LINKED
    ]
    return [*shown, *linked]


def run() -> None:
    """Draws the chosen page inside what all pages have in common."""
    st.set_page_config(page_icon=str(HERE / "static" / "icon.png"), layout="wide")
    page = st.navigation(pages(compares=st.session_state.get(COMPARES, False)), position="top")
    if page.title not in ITEMS:  # which have names, and would show the kind for a moment at every run
        page_frame.tab_title(page.title)
    st.html(markup.STYLE)
    body = st.container()
    _footer()
    with body:
        _draw(page)


def _footer() -> None:
    """Attribution on every page; the mark in the text's colour, as it may be shown on either theme."""
    ink = colours().text
    drawing = (HERE / "static" / "spotify-mark.svg").read_text(encoding="utf-8").replace("#000000", ink)
    mark = f"data:image/svg+xml;base64,{b64encode(drawing.encode()).decode()}"
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="hr-footer"):
        st.html(
            f'<footer class="hr-footer"><img src="{mark}" alt="Spotify" width="24" height="24"><span>Data and covers '
            'from <a href="https://open.spotify.com" target="_blank">Spotify</a></span></footer>',
            width="content",
        )
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            # For every signed-in viewer, allowed or not: on a shared computer the next person must not be signed in.
            if st.user.get("is_logged_in"):
                st.button("Sign out", on_click=st.logout, key="sign_out", icon=":material/logout:", type="tertiary")
            elif IAP_HEADER in st.context.headers:
                # https://docs.cloud.google.com/iap/docs/query-parameters-and-headers-howto
                st.html('<a href="?gcp-iap-mode=CLEAR_LOGIN_COOKIE" target="_self">Sign out</a>', width="content")
            st.page_link("app_pages/about_page.py", label="About, privacy and counting")


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
        is_shown=page.title != "About",
        has_period=has_period,
        has_listener=page.title != "Together",  # has a choice of its own, of several
    )
    page_frame.HEAD.set(page_frame.Head(heading, who, chosen, now, has_period))
    page.run()


run()
