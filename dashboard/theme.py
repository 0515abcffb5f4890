"""Colours of marks in charts and lists, for the light and the dark theme, from .streamlit/config.toml."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

CONFIG = Path(__file__).parent / ".streamlit" / "config.toml"

STATES: dict[str, dict[str, str]] = {
    "light": {
        "succeeded": "#0E7C66",
        "skipped": "#B9C4C0",
        "running": "#0B6BB5",
        "failed": "#B3261E",
        "not run": "#ECEDF1",
        "missing": "#F2DF9B",
        "waiting": "#CFE3F5",
        "unreadable": "#E7CDE9",
    },
    "dark": {
        "succeeded": "#2E9E84",
        "skipped": "#4A5552",
        "running": "#62B4F5",
        "failed": "#FF8A80",
        "not run": "#22262F",
        "missing": "#E3C34A",
        "waiting": "#1F3B54",
        "unreadable": "#5A3A63",
    },
}


@dataclass(frozen=True)
class Colours:
    """One theme's colours; `pale` is what lies behind, `on_state` is written on a coloured cell."""

    primary: str
    text: str
    muted: str
    line: str
    pale: str
    nothing: str
    warning: str
    sequential: tuple[str, ...]
    categorical: tuple[str, ...]
    states: dict[str, str]
    on_state: dict[str, str]


@cache
def colours_of(kind: str) -> Colours:
    config: dict[str, Any] = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["theme"][kind]
    dark = kind == "dark"
    white, black = "#FFFFFF", "#111318"
    return Colours(
        primary=config["primaryColor"],
        text=config["textColor"],
        muted=config["grayColor"],
        line=config["borderColor"],
        pale="#3A3F4D" if dark else "#D3D6DE",
        nothing="#1B1E26" if dark else "#F4F5F8",
        warning="#FF9466" if dark else "#C2410C",
        sequential=tuple(config["chartSequentialColors"]),
        categorical=tuple(config["chartCategoricalColors"]),
        states=STATES[kind],
        on_state={
            state: white if contrast(white, colour) >= contrast(black, colour) else black
            for state, colour in STATES[kind].items()
        },
    )


def colours() -> Colours:
    """Of the theme the browser shows now."""
    return colours_of("dark" if st.context.theme.type == "dark" else "light")


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)
