"""The foot of every page: Spotify's attribution, signing out, the link to the About page."""

from base64 import b64encode
from pathlib import Path

import streamlit as st

from access.identity import IAP_HEADER
from theme import colours

SPOTIFY_MARK = Path(__file__).parents[1] / "static" / "spotify-mark.svg"


def draw() -> None:
    """Attribution on every page; the mark in the text's colour, as it may be shown on either theme."""
    ink = colours().text
    drawing = SPOTIFY_MARK.read_text(encoding="utf-8").replace("#000000", ink)
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
