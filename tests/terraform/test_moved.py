"""No update deletes and makes again a grant, an identity or a repository of images that is the same as before: what
gets another address has a `moved` block, and one API more changes none.

addresses.txt is the record: each address under which one was ever deployed, the oldest of the same one first.
"""

import json
import re
from collections import defaultdict
from itertools import zip_longest
from pathlib import Path

import pytest

ADDRESS = re.compile(r"(?:(module\.\w+)\.)?(\w+)\.(\w+)(?:\[(.+)\])?")


def recorded(folder):
    """Of each of them, by its type and Google's id, the addresses that it ever had."""
    addresses = defaultdict(list)
    for line in Path(__file__).with_name("addresses.txt").read_text().splitlines():
        where, address, google_id = line.split()
        if where == folder:
            addresses[type_of(address), google_id].append(address)
    return addresses


def type_of(address):
    return ADDRESS.fullmatch(address)[2]


def present(made):
    """The address that each has now."""
    return {
        (resource["type"], resource["values"]["id"]): resource["address"]
        for resource in made.resources
        if resource["type"].endswith("_iam_member")
        or resource["type"] in ("google_service_account", "google_artifact_registry_repository")
    }


@pytest.mark.parametrize("folder", ["deployment", "bootstrap"])
def test_every_address_is_on_record(request, folder):
    known, now = recorded(folder), present(request.getfixturevalue(folder))
    assert len(now) > 10
    missing = [f"{folder} {address} {key[1]}" for key, address in now.items() if address not in known[key]]
    assert missing == [], "to be added to addresses.txt, below an older address of the same id"


def test_no_update_deletes_and_makes_what_only_changed_its_address(deployment):
    now = present(deployment)
    earlier = {now[key]: addresses[:-1] for key, addresses in recorded("deployment").items() if key in now}
    versions = list(zip_longest(*[[(new, old) for old in olds] for new, olds in earlier.items() if olds]))
    assert versions
    for version in versions:
        actions = deployment.plan(at_other_addresses(deployment.read_state(), dict(filter(None, version))))
        assert {address: action for address, action in actions.items() if action not in ("move", "noop")} == {}


def test_an_update_that_enables_another_api_replaces_no_grant(deployment):
    actions = deployment.plan(without_api("iap.googleapis.com", deployment.read_state()))
    assert actions['google_project_service.main["iap.googleapis.com"]'] == "create"
    assert actions["time_sleep.apis"] == "replace"
    assert {address: action for address, action in actions.items() if "_iam_" in address and action != "noop"} == {}


def test_a_history_that_was_first_applied_elsewhere_stops_the_plan(deployment):
    state = deployment.read_state()
    [place] = [each for each in state["resources"] if (each["type"], each["name"]) == ("terraform_data", "place")]
    place["instances"][0]["attributes"]["output"]["value"]["region"] = "europe-west1"
    with pytest.raises(AssertionError, match=r"first applied to my-heavy-rotation in europe-west1, and neither can"):
        deployment.plan(state)


def without_api(api, state):
    """The state as a version left it that did not enable this API."""
    for resource in state["resources"]:
        address = f"{resource['type']}.{resource['name']}"
        if address == "google_project_service.main":
            resource["instances"] = [one for one in resource["instances"] if one["index_key"] != api]
        elif address == "time_sleep.apis":
            triggers = resource["instances"][0]["attributes"]["triggers"]
            triggers["apis"] = ",".join(name for name in triggers["apis"].split(",") if name != api)
    return state


def at_other_addresses(state, others):
    """The state with some of what is in it under other addresses."""
    resources = []
    for resource in state["resources"]:
        for instance in resource["instances"]:
            place = {key: resource[key] for key in ("module", "type", "name") if key in resource}
            address = ".".join(place.values())
            if "index_key" in instance:
                address += f"[{json.dumps(instance['index_key'])}]"
            if address in others:
                module, place["type"], place["name"], key = ADDRESS.fullmatch(others[address]).groups()
                place = ({"module": module} if module else {}) | {name: place[name] for name in ("type", "name")}
                instance.pop("index_key", None)
                instance |= {"index_key": json.loads(key)} if key else {}
            resources.append(
                {"mode": resource["mode"], "provider": resource["provider"], "instances": [instance]} | place
            )
    return {**state, "resources": resources}
