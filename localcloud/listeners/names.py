"""Names for invented music: made-up words for artists and places, ordinary words for titles, and the awkward ones."""

from collections.abc import Callable
from random import Random


def seeded(*words: object) -> Random:
    """A random generator seeded by its arguments, so that nothing depends on what was invented before."""
    return Random("/".join(map(str, words)))  # noqa: S311 -- invents music, guards nothing


_ONSETS = (*"bdfghjklmnprstvwz", "br", "dr", "fl", "gr", "kl", "pl", "st", "tr")
_VOWELS = "aeiou"
_ENDINGS = ("", "", "n", "r", "l", "s", "x", "lm", "nd", "th")
_ADJECTIVES, _NOUNS = (
    words.split()
    for words in (
        "Borrowed Brittle Careful Copper Crooked Distant Folded Gentle Hollow Improbable Late Lopsided Narrow Northern "
        "Overdue Painted Paper Patient Plastic Portable Quiet Reluctant Second Secondhand Sleepless Slow Spare Sudden "
        "Tidy Unfinished Unsent Velvet Waterproof Weekday",
        "Alphabet Antenna Archive Almanac Balcony Barometer Bicycle Calendar Cartographer Chimney Rudder Corridor "
        "Escalator Trolley Footnote Glacier Harbour Kettle Lantern Ledger Lighthouse Mezzanine Orchard Pavement "
        "Postcard Radiator Satellite Sideboard Staircase Suitcase Telegram Timetable Tramline Umbrella "
        "Veranda Weathervane",
    )
)

AWKWARD_ARTISTS = (
    'The "Air Quotes"',
    "Comma, Colon & Sons",
    "Ünïcødé Çhöir",
    "架空楽団",
    "فرقة مخترعة",
    "להקה מומצאת",
    "Brass Balloon 🎈",
)
AWKWARD_ALBUMS = (
    'Said "Twice", Meant "Once"',
    "Ones, Twos, and Other Commas",
    "Naïve Façade",
    "架空の都市",
    "مدينة مخترعة",
    "עיר מומצאת",
    "🎈🎈",
)
AWKWARD_TITLES = (
    '"Quoted" and "Quoted Again"',
    '"',
    "Commas, Commas, and One More Comma",
    "First Line\nSecond Line",
    "Semicolon; Colon: Dash -",
    "Tab\tStop",
    "Back\\slash 'n' Apostrophe",
    " Room in Front and Behind ",
    "=1+1",
    "NULL",
    "0042",
    "true",
    "<b>Bold</b> & Ampersand",
    "Umbrella 🌂 in the Rain 🌧️",
    "Astronaut 👩🏽‍🚀",
    "e\u0301 is not \u00e9",
    "أغنية مخترعة",
    "שיר מומצא",
    "English then עברית then English",
    "架空の歌",
    "虚构的歌",
    "지어낸 노래",
    "A Title That Does Not Know When to Stop " + "and Goes On " * 20,
)


def made_up_word(rng: Random) -> str:
    """A word of two or three syllables in no language in particular."""
    syllables = (rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.choice((2, 2, 2, 3))))
    return ("".join(syllables) + rng.choice(_ENDINGS)).capitalize()


def artist_name(rng: Random) -> str:
    return rng.choice(_ARTIST_FORMS)(rng)


def album_name(rng: Random) -> str:
    return rng.choice(_ALBUM_FORMS)(rng)


def track_name(rng: Random) -> str:
    return rng.choice(_TRACK_FORMS)(rng)


def _adjective(rng: Random) -> str:
    return rng.choice(_ADJECTIVES)


def _noun(rng: Random) -> str:
    return rng.choice(_NOUNS)


Form = Callable[[Random], str]

_ARTIST_FORMS: tuple[Form, ...] = (
    made_up_word,
    lambda rng: f"{made_up_word(rng)} {made_up_word(rng)}",
    lambda rng: f"The {made_up_word(rng)} {_noun(rng)}s",
    lambda rng: f"{made_up_word(rng)} & the {_adjective(rng)} {_noun(rng)}s",
    lambda rng: f"{_adjective(rng)} {made_up_word(rng)}",
    lambda rng: f"{made_up_word(rng)} Quartet",
)
_ALBUM_FORMS: tuple[Form, ...] = (
    made_up_word,
    lambda rng: f"{_adjective(rng)} {_noun(rng)}",
    lambda rng: f"The {made_up_word(rng)} {_noun(rng)}",
    lambda rng: f"{_noun(rng)}s of {made_up_word(rng)}",
)
_TRACK_FORMS: tuple[Form, ...] = (
    made_up_word,
    lambda rng: f"{_adjective(rng)} {_noun(rng)}",
    lambda rng: f"{_noun(rng)} in {made_up_word(rng)}",
    lambda rng: f"Letter to {made_up_word(rng)}",
    lambda rng: "The {} and the {}".format(*rng.sample(_NOUNS, 2)),
    lambda rng: f"{made_up_word(rng)}, Pt. {rng.randint(1, 4)}",
    lambda rng: f"Don't Wake the {_noun(rng)}",
)
