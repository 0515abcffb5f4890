"""Names for invented music: made-up words for artists and places, ordinary words for titles, and the awkward ones."""

from random import Random

_ONSETS = "b d f g h j k l m n p r s t v w z br dr fl gr kl pl st tr".split()
_VOWELS = "aeiou"
_ENDINGS = ["", "", "n", "r", "l", "s", "x", "lm", "nd", "th"]
_ADJECTIVES = (
    "Borrowed Brittle Careful Copper Crooked Distant Folded Gentle Hollow Improbable Late Lopsided Narrow Northern "
    "Overdue Painted Paper Patient Plastic Portable Quiet Reluctant Second Secondhand Sleepless Slow Spare Sudden "
    "Tidy Unfinished Unsent Velvet Waterproof Weekday"
).split()
_NOUNS = (
    "Alphabet Antenna Archive Almanac Balcony Barometer Bicycle Calendar Cartographer Chimney Rudder Corridor Escalator "
    "Trolley Footnote Glacier Harbour Kettle Lantern Ledger Lighthouse Mezzanine Orchard Pavement Postcard Radiator "
    "Satellite Sideboard Staircase Suitcase Telegram Timetable Tramline Umbrella Veranda Weathervane"
).split()

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
    word = made_up_word(rng)
    forms = (
        word,
        f"{word} {made_up_word(rng)}",
        f"The {word} {rng.choice(_NOUNS)}s",
        f"{word} & the {rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}s",
        f"{rng.choice(_ADJECTIVES)} {word}",
        f"{word} Quartet",
    )
    return rng.choice(forms)


def album_name(rng: Random) -> str:
    forms = (
        f"{rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}",
        f"The {made_up_word(rng)} {rng.choice(_NOUNS)}",
        f"{rng.choice(_NOUNS)}s of {made_up_word(rng)}",
        made_up_word(rng),
    )
    return rng.choice(forms)


def track_name(rng: Random) -> str:
    forms = (
        f"{rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}",
        f"{rng.choice(_NOUNS)} in {made_up_word(rng)}",
        f"Letter to {made_up_word(rng)}",
        "The {} and the {}".format(*rng.sample(_NOUNS, 2)),
        f"{made_up_word(rng)}, Pt. {rng.randint(1, 4)}",
        f"Don't Wake the {rng.choice(_NOUNS)}",
        made_up_word(rng),
    )
    return rng.choice(forms)
