"""A button that saves an SVG as PNG, drawn by the browser, which has fonts for every script of a title."""

import streamlit as st

from charts import year_picture

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


def draw(svg: bytes, name: str) -> None:
    """`name` is the file's, with its ending."""
    size = {"width": year_picture.WIDTH, "height": year_picture.HEIGHT}
    _mount(data={"svg": svg.decode(), "name": name, **size}, key="picture_png", width="content")
