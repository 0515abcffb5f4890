"""Buttons that save: a file, a frame as CSV, Parquet or JSON, a picture as PNG."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
import streamlit as st

from access.middleware import bound_name
from analysis import play_list
from charts import year_picture

FORMATS: dict[str, tuple[str, str, Callable[[pd.DataFrame], bytes]]] = {
    "CSV": ("csv", "text/csv", lambda frame: play_list.to_csv(_table(frame))),
    "Parquet": ("parquet", "application/vnd.apache.parquet", lambda frame: play_list.to_parquet(_table(frame))),
    "JSON": ("json", "application/json", play_list.to_json),
}

_SCRIPT = """
async function save({ svg, name, width, height }) {
  const picture = new Image()
  picture.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(svg)
  await picture.decode()
  const canvas = document.createElement("canvas")
  canvas.width = width
  canvas.height = height
  canvas.getContext("2d").drawImage(picture, 0, 0, width, height)
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"))
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

export default function ({ data, parentElement }) {
  parentElement.querySelector("button").onclick = () => save(data)
}
"""

_mount = st.components.v2.component(
    "picture_button",
    html='<button type="button" class="hr-button">\nSave as picture\n</button>',
    js=_SCRIPT,
    isolate_styles=False,
)


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


def as_png(svg: bytes, name: str) -> None:
    """A button that draws an SVG in the browser, which has fonts for every script of a title, and saves it."""
    size = {"width": year_picture.WIDTH, "height": year_picture.HEIGHT}
    _mount(data={"svg": svg.decode(), "name": name, **size}, key="picture_png", width="content")


def _table(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)
