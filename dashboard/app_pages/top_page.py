"""Page Top: favourite tracks, artists and albums of any period, with a list of all of them."""

import pandas as pd
import streamlit as st

import humanize
from analysis import play_list, tops
from components import choice, downloads, markup, page_frame, ranked_lists
from components.markdown import literal
from components.page_frame import Listening

ROWS = 500


def sentence(page: Listening, top: pd.DataFrame, kind: str) -> str:
    """The favourite and how far ahead it is."""
    if top.empty:
        return f"No {kind.lower()} are known for these plays."
    first = top.iloc[0]
    measure = "minutes" if page.by == "Minutes" else "plays"
    by_whom = (
        f" by {literal(first['artist_name'])}" if kind != "Artists" and ranked_lists.text(first["artist_name"]) else ""
    )
    name = humanize.named(first["name"], tops.NOUNS[kind])
    leader = f"**{literal(name)}**{by_whom} leads with {humanize.amount(first[measure], page.by)}"
    if int(first["rank"]) == 1 and bool(first["is_tied"]):
        return f"{leader}, shared by {int((top['rank'] == 1).sum())}."
    return f"{leader}, {humanize.percent(first['share'], 1)} of the period."


def table(page: Listening, every: pd.DataFrame, kind: str) -> None:
    """All of them, sortable by every column."""
    zone = page.filters.zone
    shown = pd.DataFrame(
        {
            "Rank": every["rank"],
            "Cover": every["image_url"].where(every["image_url"].map(markup.is_cover)),
            kind[:-1]: every["name"],
            **({} if kind == "Artists" else {"Artist": every["artist_name"]}),
            "Plays": every["plays"],
            "Minutes": every["minutes"].where(every["minutes"] > 0).round(),
            "Share": every["share"] * 100,
            "First in period": every["first_played_at"].dt.tz_convert(zone).dt.tz_localize(None),
            "Last in period": every["last_played_at"].dt.tz_convert(zone).dt.tz_localize(None),
            "Spotify": every["spotify_url"],
        }
    )
    shown = shown.drop(columns=[] if shown["Cover"].notna().any() else ["Cover"])
    st.dataframe(
        shown.head(ROWS),
        hide_index=True,
        height="auto" if len(shown) <= 10 else 420,
        placeholder="",
        alt=f"{kind} in order, with plays, minutes and share",
        column_config={
            "Cover": st.column_config.ImageColumn("Cover", width="small"),
            "Share": st.column_config.ProgressColumn(
                "Share",
                format="%.1f%%",
                min_value=0,
                max_value=float(every["share"].max() * 100),
            ),
            "First in period": st.column_config.DatetimeColumn("First in period", format="D MMM YYYY"),
            "Last in period": st.column_config.DatetimeColumn("Last in period", format="D MMM YYYY"),
            "Plays": st.column_config.NumberColumn("Plays", format="%,d"),
            "Minutes": st.column_config.NumberColumn("Minutes", format="%,d"),
            "Spotify": st.column_config.LinkColumn("Spotify", display_text="Open"),
        },
    )
    if len(shown) > ROWS:
        st.caption(f"The first {ROWS} of {len(shown):,}. The download has all of them.")
    zoned = {name: f"{name} ({zone})" for name in ("First in period", "Last in period")}
    downloads.menu(shown.drop(columns="Cover", errors="ignore").rename(columns=zoned), f"top-{kind.lower()}")


page = page_frame.listening()
with st.container(horizontal=True, vertical_alignment="center"):
    kind = choice.one_of("What", tops.KINDS, "kind")
    search = choice.search("search", placeholder=f"Search {kind.lower()}", width=280, label_visibility="collapsed")
every = tops.top(page.history, page.shown, kind, page.by, page.before, limit=None)
found = every[play_list.matches(search, every["name"], every["artist_name"])]
if search and found.empty:
    page_frame.lead(f"No {tops.NOUNS[kind]} of this period matches “{literal(search)}”.")
else:
    page_frame.lead(sentence(page, every, kind))
if len(found):
    counted = humanize.counted(len(found), tops.NOUNS[kind])
    if search:
        st.caption(f"{counted} with “{literal(search)}”.")
        ranked_lists.draw_top(page, found.head(tops.TEN), kind, f"{kind} found")
    else:
        ten = tops.top(page.history, page.shown, kind, page.by, page.before)
        ranked_lists.draw_top(page, ten, kind, f"Top {kind.lower()}")
    st.header(f"{'Found' if search else 'All of them'}: {counted}", anchor=False)
    table(page, found, kind)

arrow = (
    f"\n- The arrow compares with the {humanize.each(page.period.days, 'day')} before"
    f"{', up to the same hour' if page.period.is_partial else ''}; “new” was not played then."
    if page.previous
    else ""
)
page_frame.how_counted(f"""
- Counted in this app from every play of the period, by {page.by.lower()}; the other number decides ties, then the
  latest play. Equal numbers share a rank (“=”) and the next rank is left out.
- **Tracks**: recordings that Spotify keeps under several ids (same ISRC) count as one, shown under the id played last.
- **Artists**: every credited artist gets the play, so shares of artists can add up to more than 100%.
- **Albums**: the release that was really played. An export does not say which: its plays are of the one with that name
  and artist, if there is only one.
- Minutes are the length of the track where no export has the time it was played.{arrow}
""")
