"""Empty states, warnings and errors of pages, each with its next step."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import streamlit as st

import humanize
from analysis.periods import ALL_TIME, Period
from components.markdown import literal
from settings import Settings

GUIDE = "the README’s sections “Deploy” and “The laptop cloud”"


def never_run(settings: Settings) -> None:
    st.header("Nothing has been collected yet")
    start = "Deploy: `make deploy`" if settings.is_in_cloud else "Start the laptop cloud: `make up`"
    st.markdown(f"""The dataset `{settings.project}.{settings.dataset}` has no tables or no plays in it.
Do this, in this order:

1. {start}.
2. Add a listener: `{settings.cli("authorize LISTENER")}`.
3. Wait for the next run, or start one: `{settings.cli("run-now")}`.

To look around first, `make demo` shows this dashboard with invented listeners. More in {GUIDE}.""")


def imports_alone(settings: Settings) -> None:
    st.warning(
        "All plays are from imports: the schedule has started no run yet. Wait for the next one, or start it: "
        f"`{settings.cli('run-now')}`.",
        icon=":material/schedule:",
    )


def no_plays(listener: str, runs: int, next_run_at: datetime, settings: Settings) -> None:
    """`next_run_at` is on the listener's clock."""
    st.header(f"No plays of {literal(listener)} yet")
    ran = (
        f"The pipeline has run {humanize.counted(runs, 'time')} in the last two weeks, and it runs again"
        if runs
        else "No run of the last two weeks is recorded; the next one is due"
    )
    st.markdown(f"""{ran} at {next_run_at:%H:%M}.

- Spotify lists a play only after about 30 seconds of it, and sometimes a few minutes late.
- Spotify never lists the plays of a private session.
- Spotify keeps the last 50 plays only. For everything before, request your *extended streaming history* from
  Spotify and run `{settings.cli("import LISTENER FILE…")}`.
- The Pipeline page shows whether something is wrong.""")


def nothing_in_period(
    before: datetime | None, after: datetime | None, others: Sequence[str], who: str, *, is_collected: bool
) -> None:
    """`before` and `after`: the nearest plays around the period, on the listener's clock; `others` hold plays."""
    if is_collected:
        st.header(f"{literal(who)} played nothing in this period" if who else "Nothing was played in this period")
    else:
        st.header(f"No plays{f' of {literal(who)}' if who else ''} in this period were collected")
    if before:
        st.markdown(f"The last play before it: **{humanize.moment_year(before)}**.")
    if after:
        st.markdown(f"The first play after it: **{humanize.moment_year(after)}**.")
    with st.container(horizontal=True):
        for name in others:
            label, key = f"Show {name[0].lower()}{name[1:]}", f"widen_{name.split()[0].lower()}"
            st.button(label, on_click=st.session_state.update, args=({"period": name},), key=key)


def one_listener() -> None:
    st.header("This page compares listeners, and you may see one")
    st.markdown("Ask the owner of this dashboard to let you see another listener. The other pages show yours.")


def choose_two() -> None:
    st.caption("Choose at least two listeners.")


def left_out(listener: str) -> None:
    st.caption(f"{literal(listener)} is left out: no play of this period counts.")


def gaps_of(listener: str, count: int) -> None:
    """For pages on which no day is outlined."""
    st.caption(
        f":material/warning: Plays of {literal(listener)} may be missing: {humanize.counted(count, 'gap')} in this "
        "period. The Pipeline page lists them."
    )


def few_plays(period: Period) -> None:
    st.info(f"Too few plays for averages.{longer(period)}", icon=":material/info:")


def longer(period: Period) -> str:
    """The next step where a period holds too little; there is none where it is all time."""
    return "" if period.name == ALL_TIME else " A longer period may show more."


def stale(since: datetime, age: timedelta, reason: str) -> None:
    st.warning(
        f"{reason} You see the copy of {humanize.moment(since)}, made {humanize.ago(age)}.", icon=":material/cloud_off:"
    )


def behind(what: str) -> None:
    st.warning(f"{humanize.sentence(what)} The Pipeline page says what to do.", icon=":material/schedule:")


def unreadable_part(reason: str) -> None:
    st.warning(f"This could not be read. {reason}", icon=":material/cloud_off:")


def unreadable(reason: str) -> None:
    st.error(f"The warehouse could not be read. {reason}", icon=":material/cloud_off:")
    st.markdown("Collecting plays does not depend on this dashboard.")
    st.button("Try again", key="try_again", icon=":material/refresh:")


def misconfigured(reason: str) -> None:
    st.error(f"The dashboard is not set up: {reason}.", icon=":material/settings:")
    st.markdown("Set it where the dashboard is started, then start it again. dashboard/README.md lists every setting.")


def not_signed_in() -> None:
    st.header("Sign in to see your listening")
    st.button("Sign in", on_click=st.login, icon=":material/login:", key="sign_in")


def not_verified(reason: str) -> None:
    st.header("Who you are could not be verified")
    st.markdown(reason)
    st.button("Try again", key="try_again", icon=":material/refresh:")


def not_allowed(reason: str) -> None:
    st.header("You may not see this dashboard")
    st.markdown(f"{reason} Ask its owner to add you, or sign in with another account.")


def no_minutes() -> None:
    st.info(
        "No minutes of these plays are known: Spotify returned no lengths of their tracks. Plays are counted instead. "
        "Import the extended streaming history to have the time of each play.",
        icon=":material/timer_off:",
    )


def no_endings(what: str, settings: Settings) -> None:
    st.caption(
        f"How {what} ended is not known. Spotify’s API does not say it, an export does: request your *extended "
        f"streaming history* from Spotify and run `{settings.cli('import LISTENER FILE…')}`."
    )


def unknown_item(kind: str) -> None:
    st.header(f"This {kind} is not in the history")
    st.markdown("The link may be of another listener, or the plays may have been deleted.")


def gaps_in_period(count: int, days: list[date], today: date) -> None:
    """`days` in order; the newest are named."""
    shown = [humanize.day_near(day, today) for day in days[-5:]]
    earlier = [humanize.counted(len(days) - 5, "earlier day")] if len(days) > 5 else []
    st.caption(
        f":material/warning: Plays may be missing on {humanize.joined([*shown, *earlier])}: Spotify's page did not "
        f"reach back to a play stored from its API ({humanize.counted(count, 'gap')}). Bars of such days are outlined; "
        "the Pipeline page lists the gaps."
    )


def not_collected(listener: str, since: str, step: str, *, is_refused: bool, is_outlined: bool) -> None:
    why = ": Spotify refuses the consent" if is_refused else ""
    outlined = " Bars since then are outlined, and averages leave them out." if is_outlined else ""
    st.caption(f":material/warning: Since {since} no plays of {literal(listener)} are collected{why}.{outlined} {step}")


def no_play_counts(listener: str, stored: int, settings: Settings) -> None:
    """All stored plays came from an export, and each is shorter than 30 seconds."""
    st.header(f"No play of {literal(listener)} counts yet")
    st.markdown(f"""{humanize.counted(stored, "play")} from an export {"is" if stored == 1 else "are"} stored, each of
less than 30 seconds. A play of an export counts from 30 seconds on.

- A play that Spotify’s list of recently played tracks returns counts until an export says that it was shorter; every
  run fetches that list.
- If the export has more files, import them: `{settings.cli("import LISTENER FILE…")}`.
- The Pipeline page shows whether something is wrong.""")
