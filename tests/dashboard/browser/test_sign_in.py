"""Signing in and out with OpenID Connect, in a real Chromium and with a real exchange of codes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from localcloud.processes import free_port
from tests.dashboard.browser.browser import IN_A_BROWSER, Browser, Visit, serving
from tests.dashboard.browser.openid_provider import OpenIdProvider, providing, secrets_toml

pytestmark = IN_A_BROWSER

OWNER = {"email": "owner@example.org", "email_verified": True}


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with providing() as provider:
        yield provider


@pytest.fixture(scope="module")
def address(provider: OpenIdProvider, state_file: Path) -> Iterator[str]:
    port, secrets_file = free_port(), state_file.with_name("secrets.toml")
    secrets_file.write_text(secrets_toml(provider, f"http://127.0.0.1:{port}"))
    settings = {
        "DASHBOARD_ACCESS": "oidc",
        "DASHBOARD_VIEWERS": json.dumps({"owner@example.org": "*", "ania@example.org": "listener-one"}),
        "STREAMLIT_SECRETS_FILES": str(secrets_file),
    }
    with serving(state_file, port, settings) as address:
        yield address


def test_a_link_that_was_sent_leads_after_signing_in_to_its_page_and_choice(
    browser: Browser, address: str, provider: OpenIdProvider
) -> None:
    provider.account = OWNER
    with browser.visit(address) as visit:
        visit.open("top?listener=Bo&period=90+days&kind=Artists")
        sign_in(visit)

        assert visit.page.locator("h1").inner_text() == "Top"
        chosen = {"listener": ["Bo"], "period": ["90 days"], "kind": ["Artists"]}
        assert parse_qs(urlsplit(visit.page.url).query) == chosen
        sign_out(visit)


def test_only_viewers_of_several_listeners_find_the_page_that_compares_them(
    browser: Browser, address: str, provider: OpenIdProvider
) -> None:
    with browser.visit(address) as visit:
        for email, is_there in (("owner@example.org", True), ("ania@example.org", False)):
            provider.account = {"email": email, "email_verified": True}
            visit.open("top")
            sign_in(visit)
            assert visit.page.get_by_role("link", name="Discoveries").count() == 1
            assert visit.page.get_by_role("link", name="Together").count() == is_there
            sign_out(visit)


@pytest.mark.parametrize(
    ("account", "text"),
    [
        ({"email": "stranger@example.org", "email_verified": True}, "You may not see this dashboard"),
        ({"email": "owner@example.org", "email_verified": "true"}, "Who you are could not be verified"),
    ],
)
def test_with_the_wrong_account_there_is_a_way_out(
    browser: Browser, address: str, provider: OpenIdProvider, account: dict[str, Any], text: str
) -> None:
    provider.account = account
    with browser.visit(address) as visit:
        visit.open("")
        sign_in(visit)
        visit.page.get_by_role("heading", name=text).wait_for()
        assert "Ania" not in visit.page.content()

        sign_out(visit)


def sign_in(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Sign in", exact=True).click()
    visit.page.get_by_role("button", name="Sign out").wait_for()
    visit.settle()


def sign_out(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Sign out").click()
    visit.page.get_by_role("button", name="Sign in", exact=True).wait_for()
