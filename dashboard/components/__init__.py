"""Parts of pages, drawn with Streamlit. May import everything of the dashboard but app_pages."""

import altair as alt

from theme import colours


@alt.theme.register("heavy-rotation", enable=True)
def _axes() -> alt.theme.ThemeConfig:
    """Streamlit's own gray of axes has a contrast of 3.7 on white; 4.5 is needed."""
    muted = colours().muted
    return {"config": {"axis": {"labelColor": muted, "titleColor": muted}}}
