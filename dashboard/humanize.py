"""Formats numbers, durations, dates and changes as text. Pure functions of values."""

from datetime import date, datetime, timedelta
from unicodedata import category

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NO_CHANGE = "no change"


def named(name: object, kind: str) -> str:
    """The name of a track, artist or album; `Unknown track` where it has no visible character."""
    is_seen = isinstance(name, str) and any(category(letter)[0] not in "ZC" for letter in name)
    return str(name) if is_seen else f"Unknown {kind}"


def minutes(value: float) -> str:
    """`45 min`, `9 h 49 min`, and whole hours from a hundred hours on; `under 1 min` for what would be rounded to 0."""
    whole = round(value)
    if not whole and value > 0:
        return "under 1 min"
    return _hours_and_minutes(whole) if whole < 6000 else f"{whole / 60:,.0f} h"


def known_minutes(value: float) -> str:
    """For plays that exist: no minutes mean that none of their lengths is known."""
    return minutes(value) if value else "unknown"


def amount(value: float, measure: str) -> str:
    return minutes(value) if measure == "Minutes" else plays(round(value))


def average(value: float, measure: str) -> str:
    """As `amount`, with a decimal of plays."""
    if measure == "Minutes":
        return minutes(value)
    return "under 0.1 plays" if 0 < value < 0.1 else f"{value:,.1f} plays" if value else "0 plays"


def plays(count: int) -> str:
    return counted(count, "play")


def counted(count: int, noun: str) -> str:
    return f"{count:,} {plural(noun, count)}"


def each(count: int, noun: str) -> str:
    """What stands after `every` or `the`: `day`, `28 days`."""
    return noun if count == 1 else counted(count, noun)


def plural(noun: str, count: int = 2) -> str:
    if count == 1:
        return noun
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("ch", "s")) else "s")


def size(count_bytes: float) -> str:
    """Megabytes of 2**20 bytes, as BigQuery bills them."""
    megabytes = count_bytes / 2**20
    if 0 < megabytes < 0.1:
        return "< 0.1 MB"
    return f"{megabytes:,.1f} MB" if megabytes < 10 else f"{megabytes:,.0f} MB"


def percent(share: float, digits: int = 0) -> str:
    """`under 1%`, or `under 0.1%`, for what would be rounded to 0."""
    text = f"{share * 100:.{digits}f}"
    return f"under {10**-digits:g}%" if share > 0 and not float(text) else f"{text}%"


def change(now: float, before: float | None) -> str | None:
    """The change in percent with its sign; nothing when there is nothing to compare with."""
    if not before:
        return None
    ratio = now / before - 1
    return NO_CHANGE if round(ratio * 100) == 0 else f"{ratio * 100:+,.0f}%"


def points(now: float, before: float | None) -> str | None:
    """The change of a share in percentage points with its sign; nothing when there is nothing to compare with."""
    if before is None:
        return None
    moved = round((now - before) * 100)
    return f"{moved:+d} {'point' if abs(moved) == 1 else 'points'}" if moved else NO_CHANGE


def compared(now: float, before: float | None, span: str) -> str:
    """The end of a sentence: `, 4% more than the 28 days before`."""
    if not before:
        return ""
    ratio = round((now / before - 1) * 100)
    if ratio == 0:
        return f", as much as {span}"
    return f", {abs(ratio):,}% {'more' if ratio > 0 else 'less'} than {span}"


def day(value: date) -> str:
    return f"{value.day} {value:%b %Y}"


def weekday_day(value: date) -> str:
    return f"{value:%a} {day(value)}"


def short_day(value: date) -> str:
    return f"{value.day} {value:%b}"


def day_near(value: date, today: date) -> str:
    """`12 Mar`; with the year where it is not that of today."""
    return short_day(value) if value.year == today.year else day(value)


def moment(value: datetime) -> str:
    return f"{value:%a} {value.day} {value:%b}, {_clock(value)}"


def moment_year(value: datetime) -> str:
    return f"{weekday_day(value)}, {_clock(value)}"


def _clock(value: datetime) -> str:
    """With the zone's name of the hour that a clock set back shows twice; a value without a zone does not know it."""
    is_twice = value.utcoffset() != value.replace(fold=1 - value.fold).utcoffset()
    return f"{value:%H:%M %Z}" if is_twice else f"{value:%H:%M}"


def days(start: date, end: date) -> str:
    """A range of days; what both ends share stands once."""
    if start == end:
        return day(start)
    if start.year != end.year:
        return f"{day(start)} – {day(end)}"
    if start.month != end.month:
        return f"{short_day(start)} – {day(end)}"
    return f"{start.day} – {day(end)}"


def duration(span: timedelta) -> str:
    """`17 s`, `45 min`, `9 h 49 min`, and whole days from two days on."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    return _hours_and_minutes(seconds // 60) if seconds < 2 * 86400 else counted(seconds // 86400, "day")


def _hours_and_minutes(whole: int) -> str:
    hours, rest = divmod(whole, 60)
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{rest} min"] if rest or not hours else [])])


def ago(span: timedelta) -> str:
    return "just now" if span < timedelta(minutes=1) else f"{duration(span)} ago"


def joined(items: list[str]) -> str:
    """`a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return ", ".join(items[:-1]) + " and " + items[-1]


def sentence(text: str) -> str:
    """With a full stop at its end."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def hour_span(hour: int) -> str:
    return f"{hour:02d}:00–{(hour + 1) % 24:02d}:00"
