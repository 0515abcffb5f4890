"""Download buttons for a file, and a menu for a frame as CSV, Parquet or JSON."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
import streamlit as st

from access.middleware import bound_name
from analysis import play_list

FORMATS: dict[str, tuple[str, str, Callable[[pd.DataFrame], bytes]]] = {
    "CSV": ("csv", "text/csv", lambda frame: play_list.to_csv(_table(frame))),
    "Parquet": ("parquet", "application/vnd.apache.parquet", lambda frame: play_list.to_parquet(_table(frame))),
    "JSON": ("json", "application/json", play_list.to_json),
}


def menu(frame: pd.DataFrame, name: str) -> None:
    """A button per format; the file is made on the click."""
    with st.popover("Download", icon=":material/download:"):
        for label, (ending, mime, written) in FORMATS.items():
            data, key = partial(written, frame), f"download_{name}_{ending}"
            button(f"As {label}", data, f"{name}.{ending}", mime=mime, key=key, width="stretch")


def button(label: str, data: Any, file_name: str, **looks: Any) -> None:
    """Bound to the browser of this run of the page: access/middleware.py refuses others."""
    name = bound_name(file_name, st.context.cookies)
    st.download_button(label, data, name, on_click="ignore", **looks)


def _table(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)
