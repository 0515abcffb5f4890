"""The picture of a year: well-formed, escaped, nothing fetched from elsewhere, and what does not fit is cut."""

import xml.etree.ElementTree as ElementTree

from charts.year_picture import HEIGHT, WIDTH, svg

SVG = "{http://www.w3.org/2000/svg}"


def texts_of(picture: bytes) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def picture(**changed: object) -> bytes:
    usual = {
        "title": "2026",
        "name": "Ania",
        "numbers": [("609 h", "listened")],
        "lists": [("Top tracks", ["<Song> & Dance – Ada"])],
        "bars": [1.0, 2.0],
        "bar_names": ["Jan", "Feb"],
    }
    return svg(**{**usual, **changed})  # type: ignore[arg-type]


def test_names_with_markup_in_them_are_only_text() -> None:
    assert "<Song> & Dance – Ada" in texts_of(picture())


def test_a_control_character_in_a_title_does_not_break_the_picture() -> None:
    assert "AB" in texts_of(picture(lists=[("Top tracks", ["A\x00\x1b\ud800\uffffB"])]))


def test_it_requests_nothing() -> None:
    written = picture().decode()

    assert "href" not in written
    assert "<image" not in written
    assert written.count("http") == 1, "only the name of the format"


def test_a_long_name_is_cut_and_everything_stays_inside() -> None:
    drawn = picture(lists=[("Top tracks", ["x" * 300, "夜" * 300])] * 3)

    latin, wide = ({len(text) for text in texts_of(drawn) if letter in text} for letter in "x夜")
    assert (latin, wide) == ({56, 25}, {28, 13}), "a character of East Asia takes the room of two"
    tree = ElementTree.fromstring(drawn)
    assert all(float(text.get("x", 0)) < WIDTH and float(text.get("y", 0)) < HEIGHT for text in tree.iter(f"{SVG}text"))


def test_a_year_without_plays_has_flat_bars() -> None:
    bars = [
        float(bar.get("height", 0))
        for bar in ElementTree.fromstring(picture(bars=[0.0, 0.0])).iter(f"{SVG}rect")
        if bar.get("rx")
    ]

    assert bars == [3.0, 3.0]
