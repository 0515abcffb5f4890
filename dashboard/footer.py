"""What every page ends in: the attribution that Spotify asks for, and the way to how all of it works."""

from base64 import b64encode
from pathlib import Path

import streamlit as st

from theme import colours

SPOTIFY_MARK = Path(__file__).parent / "static" / "spotify-mark.svg"


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
        st.page_link("app_pages/about_page.py", label="About, privacy and counting")
