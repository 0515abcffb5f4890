"""Whether Altair holds every chart against Vega-Lite's schema: it takes a third of a redraw, so only the tests do."""

from collections.abc import Iterator
from contextlib import contextmanager

import altair as alt
from altair.utils import schemapi


def check(is_wanted: bool) -> None:
    (schemapi.enable_debug_mode if is_wanted else schemapi.disable_debug_mode)()
    # The mode covers a chart's parts. The whole is checked when Streamlit asks for its spec, with this default.
    for kind in (alt.TopLevelMixin, alt.Chart):
        kind.to_dict.__defaults__ = (is_wanted,)


@contextmanager
def checked() -> Iterator[None]:
    check(True)
    try:
        yield
    finally:
        check(False)
