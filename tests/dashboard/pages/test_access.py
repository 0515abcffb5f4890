"""Who sees whom: decided on the server, whatever the address says."""

import re
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
import streamlit as st

from components.run_grid import CellKey
from tests.dashboard.invented.states import STATES
from tests.dashboard.page_names import PAGES
from tests.dashboard.pages.app import NOW, App, charts_of, failed_cell, mine_of, signed_in, text_of
from warehouse import store

NAMES = ("Ania", "Bo", "listener-one", "listener-two", "listener-three")


def others_listened(details: dict[str, Any] | None, times: int, *, polled: bool) -> dict[str, Any] | None:
    parts = (details or {}).get("listeners")
    if not isinstance(parts, dict):
        return details
    return {
        "listeners": {
            slug: about if slug == "listener-one" else {**about, "new": about["new"] * times}
            for slug, about in parts.items()
            if polled or slug == "listener-one"
        }
    }


@pytest.mark.parametrize("page", [*PAGES, "track", "artist", "album", "about"])
def test_a_viewer_who_has_not_signed_in_sees_the_sign_in_and_no_names(private: App, page: str) -> None:
    drawn = private.open(page, user={"is_logged_in": False})

    assert "Sign in to see your listening" in text_of(drawn)
    assert not [name for name in NAMES if name in text_of(drawn)]
    assert not private.warehouse.queried, "the warehouse was asked for a stranger"


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_sees_nothing_and_no_names(private: App, page: str) -> None:
    drawn = private.open(page, user=signed_in("stranger@example.org"))

    assert "may not see" in text_of(drawn)
    assert not drawn.selectbox
    assert not [name for name in NAMES if name in text_of(drawn)]
    assert not private.warehouse.queried, "the warehouse was asked for a stranger"


@pytest.mark.parametrize("state", ["never-run", "down"])
def test_a_stranger_learns_nothing_of_a_warehouse_that_is_empty_or_down(private: App, state: str) -> None:
    private.over(replace(STATES[state](private.warehouse, NOW), queried=[]))

    drawn = private.open(user=signed_in("stranger@example.org"))

    text = text_of(drawn)
    assert "You may not see this dashboard" in text
    assert not [word for word in ("invented", "listening`", "warehouse", "terraform") if word in text]
    assert not private.warehouse.queried, "a query was billed for a stranger"


def test_the_good_copies_of_the_tables_outlive_what_any_connection_may_ask_of_streamlit(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    monkeypatch.setattr(store, "open_store", lambda settings, credentials: opened.append(app.store) or app.store)

    for _ in range(2):
        app.open()
        # What its message `clear_cache` does, for everybody.
        st.cache_data.clear()
        st.cache_resource.clear()

    assert len(opened) == 1


@pytest.mark.parametrize("verified", [False, None, "false", "true", 1])
def test_an_address_that_was_not_verified_counts_for_nothing(private: App, verified: object) -> None:
    drawn = private.open(user=signed_in("ania@example.org", verified=verified))

    assert "Who you are could not be verified" in text_of(drawn)
    assert not [name for name in NAMES if name in text_of(drawn)]
    assert drawn.button(key="sign_out")


def test_without_a_way_to_sign_in_the_page_names_what_the_secrets_lack(private: App) -> None:
    complete = private.secrets["auth"]
    private.secrets = {"auth": {name: complete[name] for name in ("redirect_uri", "cookie_secret")}}

    drawn = private.open(user={"is_logged_in": False})

    assert "not set up" in text_of(drawn)
    assert "no client_id, client_secret, server_metadata_url under [auth]" in text_of(drawn)
    assert not drawn.button


@pytest.mark.parametrize("secret", ["short", "<a long random text, for example from: openssl rand -hex 32>"])
@pytest.mark.parametrize("user", [{"is_logged_in": False}, signed_in("owner@example.org")])
def test_nobody_is_believed_whose_cookie_anybody_could_sign(private: App, user: dict[str, object], secret: str) -> None:
    private.secrets["auth"]["cookie_secret"] = secret

    drawn = private.open(user=user)

    assert "or a blank or < >: it can be guessed" in text_of(drawn)
    assert "Set what `openssl rand -hex 32` prints" in text_of(drawn)
    assert not [name for name in NAMES if name in text_of(drawn)]


@pytest.mark.parametrize("listener", ["Bo", "listener-two"])
def test_a_viewer_sees_only_the_listener_the_owner_allows(private: App, listener: str) -> None:
    drawn = private.open("pipeline", user=signed_in("ania@example.org"), listener=listener)

    assert "Ania" in text_of(drawn)
    assert not [name for name in ("Bo", "listener-two", "listener-three") if name in text_of(drawn)]


def test_the_ledgers_sentences_do_not_name_whom_the_viewer_may_not_see(private: App) -> None:
    runs = private.warehouse.tables["runs"]
    changed = runs.assign(reason="the secret refresh-token-listener-two has no version", state="failed")
    private.over(private.warehouse.with_table("runs", changed))

    drawn = private.open("pipeline", user=signed_in("ania@example.org"))

    sent = text_of(drawn).encode() + b"".join(chart.SerializeToString() for chart in charts_of(drawn))
    assert b"It failed; a viewer whose entry is * sees why" in sent
    assert b"listener-two" not in sent


@pytest.mark.parametrize("polled", [True, False])
def test_what_a_viewer_sees_of_the_pipeline_is_the_same_however_much_the_others_listened(
    private: App, *, polled: bool
) -> None:
    """Who is not polled has imported plays alone, of which no batch has made a top ten yet."""
    full = private.warehouse
    runs, plays, top = (full.tables[name] for name in ("runs", "plays", "top_tracks"))
    if not polled:
        full = full.with_table("top_tracks", top[top["listener_id"] == "listener-one"])

    def seen(times: int) -> list[str]:
        changed = runs.assign(
            rows_in=runs["rows_in"] * times,
            rows_new=runs["rows_new"] * times,
            reason=runs["reason"] + f" {times}",
            details=runs["details"].map(lambda details: others_listened(details, times, polled=polled)),
        )
        others = plays[plays["listener_id"] != "listener-one"]
        more = pd.concat([plays, *[others] * times], ignore_index=True)
        app = private.over(full.with_table("runs", changed).with_table("plays", more))
        newest = changed.loc[(changed["step"] == "ingest") & (changed["rows_new"] > 0), "slot"].max()
        cell = str(CellKey(newest.to_pydatetime(), "ingest"))
        drawn = app.open("pipeline", user=signed_in("ania@example.org"), cell=cell)
        assert "Attempts" in text_of(drawn)
        return (text_of(drawn) + "".join(each.proto.json for each in drawn.get("bidi_component"))).splitlines()

    assert seen(1) == seen(3)


def test_a_batch_that_others_plays_set_off_has_a_day_and_no_hour(private: App) -> None:
    """Its run or its minute would say when somebody else listened."""
    runs, top = (private.warehouse.tables[name] for name in ("runs", "top_tracks"))
    is_ingest, run_id = runs["step"] == "ingest", top["run_id"].iloc[0]
    batch = runs[is_ingest].iloc[-1].to_dict() | {"run_id": run_id, "step": "top_tracks", "state": "succeeded"}
    with_batch = pd.concat([runs[runs["run_id"] != run_id], pd.DataFrame([batch])])
    private.over(private.warehouse.with_table("runs", with_batch))

    def said(page: str, email: str) -> str:
        found = re.search("(By plays, counted|The top ten (is|was)).*", text_of(private.open(page, signed_in(email))))
        return found.group() if found else ""

    assert said("overview", "ania@example.org") == "By plays, counted up to 24 Nov 2026. Computed by Spark."
    assert said("pipeline", "ania@example.org") == "The top ten was computed on **24 Nov 2026**."
    for page in ("overview", "pipeline"):
        assert run_id in said(page, "owner@example.org")


def test_the_owner_sees_everybody(private: App) -> None:
    drawn = private.open(user=signed_in("owner@example.org"))

    assert drawn.selectbox(key="listener").options == ["Ania", "Bo", "listener-three"]


def test_without_the_signed_header_identity_aware_proxy_lets_no_one_in(app: App) -> None:
    app.environment(DASHBOARD_ACCESS="iap", DASHBOARD_IAP_AUDIENCE="/projects/1/global/backendServices/2")

    drawn = app.open()

    assert "no header of Identity-Aware Proxy came with the request" in text_of(drawn)
    assert not [name for name in NAMES if name in text_of(drawn)]


def test_the_drawer_of_a_run_shows_only_the_listeners_the_viewer_may_see(private: App) -> None:
    drawn = private.open("pipeline", user=signed_in("ania@example.org"), cell=failed_cell(private))

    sent = text_of(drawn)
    assert "Attempts" in sent
    assert "<td>Ania</td>" in sent
    assert not [name for name in ("Bo", "listener-two", "listener-three") if name in sent]


@pytest.mark.parametrize(("page", "column"), [("track", "track_id"), ("artist", "artist_id"), ("album", "album_id")])
def test_what_only_another_played_is_not_in_the_history(private: App, page: str, column: str) -> None:
    plays = private.warehouse.tables["plays"]
    is_mine = plays["listener_id"] == "listener-one"
    theirs = plays.loc[~is_mine & ~plays[column].isin(plays.loc[is_mine, column])]
    if page == "artist":
        theirs = theirs[~theirs["artist_name"].isin("; ".join(plays.loc[is_mine, "artist_names"].unique()).split("; "))]

    drawn = private.open(page, user=signed_in("ania@example.org"), id=str(theirs[column].iloc[0]), listener="Bo")

    assert f"This {page} is not in the history" in text_of(drawn)
    assert str(theirs["artist_name"].iloc[0]) not in text_of(drawn)


def test_the_history_and_its_download_are_only_of_whom_the_viewer_may_see(private: App) -> None:
    drawn = private.open("history", user=signed_in("ania@example.org"), listener="Bo", q="")

    assert f"**{len(mine_of(private)):,} plays**" in text_of(drawn)
    assert "Every play of Ania" in text_of(drawn)
