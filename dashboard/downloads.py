"""A menu that hands out a frame as CSV, Parquet or JSON."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import pyarrow as pa
import streamlit as st

import exports

FORMATS: dict[str, tuple[str, str, Callable[[pd.DataFrame], bytes]]] = {
    "CSV": ("csv", "text/csv", lambda frame: exports.to_csv(_table(frame))),
    "Parquet": ("parquet", "application/vnd.apache.parquet", lambda frame: exports.to_parquet(_table(frame))),
    "JSON": ("json", "application/json", exports.to_json),
}


def menu(frame: pd.DataFrame, name: str) -> None:
    """A menu with one per format; the file is made when it is asked for."""
    with st.popover("Download", icon=":material/download:"):
        for label, (ending, mime, written) in FORMATS.items():
            st.download_button(
                f"As {label}",
                data=partial(written, frame),
                file_name=f"{name}.{ending}",
                mime=mime,
                key=f"download_{name}_{ending}",
                on_click="ignore",
                width="stretch",
            )


def _table(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)
