"""Every text can be read on what it stands on, in both themes: contrasts as WCAG computes them."""

import itertools
import tomllib

import pytest

from components import markup
from pipeline.run_hours import STATES
from theme import CONFIG, colours_of, contrast

READABLE = 4.5
VISIBLE = 3.0


def configured(theme: str, name: str) -> str:
    """A colour that Streamlit itself draws with."""
    return str(tomllib.loads(CONFIG.read_text(encoding="utf-8"))["theme"][theme][name])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_and_marks_stand_out_from_the_background(theme: str) -> None:
    colours, background = colours_of(theme), configured(theme, "backgroundColor")

    assert contrast(colours.text, background) >= 7
    assert contrast(colours.muted, background) >= READABLE
    assert contrast(colours.primary, background) >= READABLE
    assert contrast(colours.warning, background) >= READABLE
    assert all(contrast(colour, background) >= READABLE for colour in colours.categorical)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_bars_of_this_period_stand_out_from_those_before(theme: str) -> None:
    colours = colours_of(theme)

    assert contrast(colours.primary, colours.pale) >= VISIBLE


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_a_glyph_can_be_read_on_its_cell(theme: str, state: str) -> None:
    colours = colours_of(theme)

    assert contrast(colours.on_state[state], colours.states[state]) >= READABLE


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_heat_map_only_ever_gets_stronger(theme: str) -> None:
    colours = colours_of(theme)

    steps = [contrast(colour, configured(theme, "backgroundColor")) for colour in colours.sequential]

    assert len(steps) == 10
    assert all(one < other for one, other in itertools.pairwise(steps))


def test_initials_can_be_read_on_every_tile() -> None:
    assert all(contrast("#FFFFFF", tile) >= READABLE for tile in markup.TILES)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["gray", "green", "orange", "red", "blue", "yellow", "violet"])
def test_a_chip_can_be_read(theme: str, name: str) -> None:
    assert contrast(configured(theme, f"{name}TextColor"), configured(theme, f"{name}BackgroundColor")) >= READABLE


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_row_a_page_is_about_can_still_be_read(theme: str) -> None:
    """Its background is an eighth of the primary colour; the small text on it is the muted one."""
    colours, background = colours_of(theme), configured(theme, "backgroundColor")

    def channel(at: int) -> int:
        over, under = (int(colour[at : at + 2], 16) for colour in (colours.primary, background))
        return round(0.12 * over + 0.88 * under)

    tinted = f"#{channel(1):02x}{channel(3):02x}{channel(5):02x}"
    assert contrast(colours.muted, tinted) >= READABLE
