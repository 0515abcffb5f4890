"""The viewer of a page: settings, the warehouse and the listeners this viewer may see."""

import os
import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pandas as pd
import streamlit as st

from access.identity import NotVerified, allowed_listeners, entry_of_viewer
from access.own_part import own_part
from settings import EVERYONE, Settings, SettingsError
from warehouse import store as warehouse_store

_AUTH = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
# No placeholder of this project's guides passes. What their command prints has 64.
_COOKIE_SECRET = re.compile(r"[^\s<>]{32,}")


@dataclass(frozen=True)
class Viewer:
    """One run of a page: what it may read. `listeners` is never empty.

    `sees_all`: the viewer's entry has `*`. Without it nothing that names or counts others is shown, even where all that
    are known are listed: one whose plays were imported and of whom no batch has made a top ten yet is not known.
    """

    settings: Settings
    store: warehouse_store.Store
    listeners: tuple[str, ...]
    sees_all: bool

    def runs(self) -> warehouse_store.Loaded[pd.DataFrame]:
        """The ledger, as far as it is about the listeners that this viewer may see."""
        ledger = self.store.runs()
        return ledger if self.sees_all else replace(ledger, value=own_part(ledger.value, self.listeners))

    def sees_batch(self, run_id: str) -> bool:
        """Whether its run stored plays of their listeners. The hour of another run would show when others listened."""
        if self.sees_all:
            return True
        runs = self.runs().value
        return bool(((runs["run_id"] == run_id) & (runs["step"] == "top_tracks")).any())

    def reason(self, text: str) -> str:
        """A sentence of the ledger as this place says it.

        The functions set commands in backticks and do not know that they run on the laptop: the commands become those
        of this place, the backticks, which show where no Markdown is read, go.
        """
        here = re.sub("`python -m cli ([^`]*)`", lambda command: self.settings.cli(command[1]), text)
        return here.replace("`", "")

    def label_of(self, listener_id: str) -> str:
        """What the filter bar and the URL call a listener; names that two share fall back to the slug."""
        name = self.settings.name_of(listener_id)
        shared = sum(self.settings.name_of(other) == name for other in self.listeners) > 1
        return listener_id if shared else name


@cache
def opened() -> tuple[Settings, warehouse_store.Store]:
    """Settings and warehouse, once per process. Reading the secrets puts them into the environment as well.

    Not in Streamlit's cache, which any connection can clear for all, signed in or not; the store bounds what it keeps.
    """
    credentials_info = _secret("gcp_service_account")
    settings = Settings.from_env(os.environ)
    return settings, warehouse_store.open_store(settings, credentials_info)


def current_viewer() -> Viewer | None:
    """The viewer, or None when the warehouse knows no listener yet. Raises access and warehouse errors."""
    settings, store = opened()
    remembered = st.session_state.setdefault("verified_assertions", {})
    headers, peer = dict(st.context.headers), st.context.ip_address
    entry = entry_of_viewer(settings, headers, _email(settings), remembered, peer=peer)
    # Only now: a stranger must neither cause queries nor learn the state of the warehouse.
    known = store.listeners().value
    allowed = allowed_listeners(settings, entry, known)
    return Viewer(settings, store, allowed, EVERYONE in entry) if allowed else None


def _email(settings: Settings) -> str | None:
    """The address that the identity provider vouches for; None before signing in."""
    if settings.access != "oidc":
        return None
    _check_sign_in()
    if not st.user.get("is_logged_in"):
        return None
    email = st.user.get("email")
    # Some providers send the text "false".
    if not isinstance(email, str) or not email or st.user.get("email_verified") is not True:
        raise NotVerified(
            "Your account's provider does not vouch for its address. Let it verify the address, or sign out and take "
            "another account."
        )
    return email


def _check_sign_in() -> None:
    """Streamlit would report only after the click that it cannot sign viewers in, and believes a cookie that anybody
    signed with a secret out of a guide.
    """
    auth = _secret("auth") or {}
    if missing := [name for name in _AUTH if not auth.get(name)]:
        raise SettingsError(
            f"Streamlit's secrets have no {', '.join(missing)} under [auth], with which viewers sign in"
        )
    if not _COOKIE_SECRET.fullmatch(str(auth["cookie_secret"])):
        raise SettingsError(
            "cookie_secret under [auth] in Streamlit's secrets has fewer than 32 characters, or a blank or < >: it can "
            "be guessed, and who knows it can be any viewer. Set what `openssl rand -hex 32` prints"
        )


def _secret(name: str) -> dict[str, Any] | None:
    """From Streamlit's secrets, which only Community Cloud has; elsewhere the platform's own identity is used."""
    if not st.secrets.load_if_toml_exists():
        return None
    value = st.secrets.get(name)
    return dict(value) if value else None
