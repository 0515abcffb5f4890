"""Altair charts and SVG from frames, without Streamlit. May import analysis, pipeline, humanize and theme."""

import altair as alt
from altair.utils import schemapi

from theme import colours

# Altair's check of every chart against Vega-Lite's schema takes a third of a redraw: only the tests make it.
schemapi.disable_debug_mode()
# The mode covers a chart's parts. The whole is checked when Streamlit asks for its spec, with this default.
alt.TopLevelMixin.to_dict.__defaults__ = alt.Chart.to_dict.__defaults__ = (False,)


@alt.theme.register("heavy-rotation", enable=True)
def _axes() -> alt.theme.ThemeConfig:
    """Streamlit's own gray of axes has a contrast of 3.7 on white; 4.5 is needed."""
    muted = colours().muted
    return {"config": {"axis": {"labelColor": muted, "titleColor": muted}}}
