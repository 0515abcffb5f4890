"""Altair charts and SVG from frames, without Streamlit. May import analysis, pipeline, humanize and theme.

The colour of what an axis says is in a theme, which importing the package `components` registers.
"""

import altair as alt
from altair.utils import schemapi

# Altair's check of every chart against Vega-Lite's schema takes a third of a redraw: only the tests make it.
schemapi.disable_debug_mode()
# The mode covers a chart's parts. The whole is checked when Streamlit asks for its spec, with this default.
alt.TopLevelMixin.to_dict.__defaults__ = alt.Chart.to_dict.__defaults__ = (False,)
