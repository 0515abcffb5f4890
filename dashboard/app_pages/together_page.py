"""Page Together: what listeners share, overlap by week or month, who was first, what one could show the others."""

from collections.abc import Hashable, Sequence
from itertools import accumulate, cycle
from typing import Any

import pandas as pd
import streamlit as st

import humanize
from access.viewer import Viewer
from analysis import together
from analysis.history import minutes
from analysis.together import Company, Part
from analysis.tops import NOUNS
from charts import bars
from components import downloads, markup, messages, metrics, page_frame, ranked_lists
from components.markdown import literal
from components.page_frame import Listening

SHOWN = 10
NEW_TO_OTHERS = 5
COLUMNS = 3


def choose(viewer: Viewer, listener: str) -> Sequence[str]:
    """Two or more of the listeners that the viewer may see; first the one of the filter bar and the next one."""
    labels = {viewer.label_of(slug): slug for slug in viewer.listeners}
    if len(labels) == 2:
        return sorted(viewer.listeners, key=lambda slug: slug != listener)
    first = viewer.label_of(listener)
    second = next(label for label in labels if label != first)
    chosen = st.pills(
        "Listeners",
        list(labels),
        selection_mode="multi",
        default=[first, second],
        key="with",
        bind="query-params",
        label_visibility="collapsed",
    )
    return [labels[label] for label in chosen]


def sentence(pages: Sequence[Listening], tracks: pd.DataFrame, artists: pd.DataFrame, whole: float) -> str:
    shared = f"**{humanize.counted(len(artists), 'artist')}** and **{humanize.counted(len(tracks), 'track')}**"
    names, everybody = humanize.joined([literal(page.name) for page in pages]), "both" if len(pages) == 2 else "all"
    overlaps = (
        f"Their listening overlaps by **{humanize.percent(whole, 1)}**."
        if whole
        else "Their listening does not overlap: that counts the artist who is credited first."
    )
    return f"{names} {everybody} played {shared} in this period. {overlaps}"


def figures(pages: Sequence[Listening], company: Company, artists: pd.DataFrame) -> None:
    """How much each listened, and how much of it went to artists that all of them played."""
    with st.grid(len(pages), min_column_width=200):
        for place, page in enumerate(pages):
            share = together.share_of(company, place, artists, page.by)
            amount = (
                humanize.known_minutes(minutes(page.shown)) if page.by == "Minutes" else humanize.plays(len(page.shown))
            )
            metrics.noted(literal(page.name), amount, f"{humanize.percent(share)} to shared artists")


def overlap(pages: Sequence[Listening], frame: pd.DataFrame) -> None:
    st.header("How much do they have in common?", anchor=False)
    known = frame.dropna(subset="share")
    step = frame.attrs["step"]
    if not known["share"].any():
        st.caption(f"There is no {step} in which they played the same first-credited artist.")
        return
    best = known.loc[known["share"].idxmax()]
    on = f"{best['step_on']:%B %Y}" if step == "month" else f"the week of {humanize.day(best['step_on'])}"
    text = f"Most in **{on}**: {humanize.percent(best['share'], 1)}."
    page_frame.answer(text, bars.overlap(frame, pages[0].colours), f"Overlap per {step}. {text}")
    silent = len(frame) - len(known)
    if silent:
        st.caption(f"{humanize.counted(silent, step)} without a bar: one of them played nothing.")


def shared_list(pages: Sequence[Listening], rows: pd.DataFrame, company: Company, kind: str) -> None:
    st.header(f"Shared {kind.lower()}", anchor=False)
    if rows.empty:
        st.caption(f"No {NOUNS[kind]} was played by each of them.{messages.longer(pages[0].period)}")
        return
    every = together.named(company, rows, kind)
    shown = every.head(SHOWN)
    most = float(shown["whole"].max()) or 1.0
    items = [shared_row(pages, row, kind, most) for row in shown.to_dict("records")]
    st.html(markup.ranked(items, pages[0].colours, f"Shared {kind.lower()}"))
    if len(every) > SHOWN:
        st.caption(f"The first {SHOWN} of {len(every):,}. The download has all of them.")
    downloads.menu(table(pages, every, kind), f"shared-{kind.lower()}")


def shared_row(pages: Sequence[Listening], row: dict[Hashable, Any], kind: str, most: float) -> markup.Row:
    """The bar is as long as all of them played it, in each one's colour as far as they did."""
    by = pages[0].by
    each = [row[f"{by.lower()}_{place}"] for place in range(len(pages))]
    ends, whole = list(accumulate(each)), row["whole"] or 1.0
    stops = [
        f"{colour} {start / whole:.1%} {end / whole:.1%}"
        for colour, start, end in zip(cycle(pages[0].colours.categorical), [0.0, *ends], ends, strict=False)
    ]
    return ranked_lists.item_row(
        pages[0],
        row,
        kind,
        main=humanize.known_minutes(row["whole"]) if by == "Minutes" else humanize.plays(row["whole"]),
        small=" + ".join(
            humanize.known_minutes(part).replace(" ", "\N{NO-BREAK SPACE}") if by == "Minutes" else f"{part:,.0f}"
            for part in each
        ),
        share=row["whole"] / most,
        fill=f"linear-gradient(to right, {', '.join(stops)})",
        rank=int(row["rank"]),
        is_tied=bool(row["is_tied"]),
    )


def table(pages: Sequence[Listening], rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """For the download: what each of them has of it, and when they played it first."""
    columns = {"Rank": rows["rank"], kind[:-1]: rows["name"]}
    columns |= {"Artist": rows["artist_name"]} if kind == "Tracks" else {}
    for place, page in enumerate(pages):
        first = rows[f"first_{place}"].dt.tz_convert(page.filters.zone).dt.tz_localize(None)
        columns[f"{page.name}: plays"] = rows[f"plays_{place}"]
        known = rows[f"minutes_{place}"].where(rows[f"minutes_{place}"] > 0)
        columns[f"{page.name}: minutes"] = known.round(1)
        columns[f"{page.name}: first played ({page.filters.zone})"] = first
    return pd.DataFrame({**columns, "Spotify": rows["spotify_url"]})


def legend(pages: Sequence[Listening]) -> None:
    colours = cycle(pages[0].colours.categorical)
    names = [(page.name, colour, "", "") for page, colour in zip(pages, colours, strict=False)]
    st.html(markup.legend(names))
    st.caption("In order of the smallest amount that any of them has.")


def who_was_first(pages: Sequence[Listening], artists: pd.DataFrame, company: Company) -> None:
    st.header("Who was first?", anchor=False)
    known = artists[artists["first"].notna()]
    if len(known):
        counts = known["first"].value_counts()
        (leader, most), *others = [(literal(pages[place].name), count) for place, count in counts.items()]
        rest = "".join(f", **{name}** {count:,}" for name, count in others)
        st.markdown(f"**{leader}** was the first to play {humanize.counted(most, 'shared artist')}{rest}.")
        shown = together.named(company, known.head(SHOWN), "Artists")
        items = [first_row(pages, row) for row in shown.to_dict("records")]
        st.html(markup.unranked(items, pages[0].colours, "Who was first"))
    if artists.empty:
        st.caption("No artist was played by each of them in this period.")
    elif len(artists) > len(known):
        until = humanize.day(company.begun_at.tz_convert(pages[0].filters.zone))
        missing = humanize.counted(len(artists) - len(known), "shared artist")
        st.caption(
            f"Not known of {missing}: the first play was before {until}, 30 days after the youngest history began."
        )


def first_row(pages: Sequence[Listening], row: dict[Hashable, Any]) -> markup.Row:
    """Who, since when, and how much later the others."""
    leader, zone = int(row["first"]), pages[0].filters.zone
    began = row[f"first_{leader}"]
    later = [
        f"{page.name} {humanize.duration(row[f'first_{place}'] - began)} later"
        for place, page in enumerate(pages)
        if place != leader
    ]
    small, second = humanize.day(began.tz_convert(zone)), ", ".join(later)
    return ranked_lists.item_row(pages[0], row, "Artists", main=pages[leader].name, small=small, second=second)


def new_to_others(pages: Sequence[Listening], company: Company) -> None:
    st.header("What could they show each other?", anchor=False)
    grid = ranked_lists.grid(min(len(pages), COLUMNS))
    for place in range(len(pages)):
        with grid.cell():
            of_one(pages, company, place)


def of_one(pages: Sequence[Listening], company: Company, place: int) -> None:
    page = pages[place]
    others = literal(pages[1 - place].name) if len(pages) == 2 else "the others"
    st.subheader(f"{literal(page.name)} could show {others}", anchor=False)
    rows = together.only(company, place, page.by, NEW_TO_OTHERS)
    if rows.empty:
        st.caption(f"Nothing: every artist of {literal(page.name)} in this period is known to {others}.")
        return
    found = humanize.counted(rows.attrs["total"], "artist")
    st.markdown(f"**{found}** of this period that {others} never played.")
    ranked_lists.draw_top(page, rows, "Artists", f"Only {page.name}", moves=False)


pages = page_frame.together(choose)
company = Company([Part(page.history, page.shown) for page in pages])
by, period = pages[0].by, pages[0].period
tracks, artists = (together.shared(company, kind, by) for kind in together.KINDS)
common = together.overlap(company, period, by)
page_frame.lead(sentence(pages, tracks, artists, common.attrs["whole"]))
figures(pages, company, artists)
overlap(pages, common)
for page in pages:
    page_frame.gap_notice(page, is_outlined=False)
legend(pages)
lists = ranked_lists.grid(2)
with lists.cell():
    shared_list(pages, tracks, company, "Tracks")
with lists.cell():
    shared_list(pages, artists, company, "Artists")
who_was_first(pages, artists, company)
new_to_others(pages, company)

page_frame.how_counted(f"""
- Only listeners that you may see are compared; each one's plays are counted as on the other pages, on the clock of
  **{pages[0].filters.zone}**.
- **Shared**: played by every one of them in this period, ordered by {by.lower()}, by the least that any of them has.
  Recordings under several ids count as one (same ISRC); every credited artist gets the play.
- **Overlap**: for each artist (the first credited one) the smallest share that any of them gave it, added up. 100%
  would be the same artists in the same shares.
- **The last bar** is paler while its week or month is not over.
- **First**: the first play in all that is stored, so not only of this period. A play inside a gap is not known. An
  artist that was played in the first 30 days of the youngest history may have been known before.
- **Could show**: artists of this period that the others never played, as far as is stored.
""")
