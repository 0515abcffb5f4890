"""Alerts look for sentences that the functions really log, and say what to do."""

import re

from tests.terraform.configuration import ROOT, TERRAFORM

ALERTS = (TERRAFORM / "alerts.tf").read_text()
CODE = "\n".join(path.read_text() for path in sorted(ROOT.glob("functions/*/*.py")))


def test_every_sentence_that_an_alert_looks_for_is_one_that_is_logged():
    filters = re.findall(r'jsonPayload\.message=(\(.*?\)|\\?"[^"]+")', ALERTS)
    sought = {message for filter in filters for message in re.findall(r'\\?"([^"\\]+)\\?"', filter)}
    assert len(sought) >= 8
    assert {message for message in sought if f'"{message}"' not in CODE} == set()


def test_the_error_classes_and_states_that_alerts_look_for_exist():
    assert set(re.findall(r'jsonPayload\.error_class=\\?"(\w+)', ALERTS)) == {"NeedsConsent", "FileRefused"}
    assert "class NeedsConsent(" in CODE
    assert "class FileRefused(" in CODE
    assert "jsonPayload.polled>0" in ALERTS
    assert "polled=report.polled" in CODE


def test_every_alert_goes_to_the_owner_and_says_what_to_do(deployment):
    policies = deployment.of_type("google_monitoring_alert_policy").values()
    (owner,) = deployment.of_type("google_monitoring_notification_channel").values()
    assert len(policies) == 10
    for policy in policies:
        assert policy["notification_channels"] == [owner["id"]]
        assert len(policy["documentation"][0]["content"]) > 80, policy["display_name"]


def test_mail_about_one_listener_or_account_holds_back_none_about_another(deployment):
    """Nor an error of one function those of another. Google sends 20 mails a day at most for an alert.

    Errors of ingest name one of five listeners, the app's secret or nothing, those of the two other functions nothing:
    nine kinds of mail, each every twelve hours, are 18 a day.
    """
    told_apart = {}
    for policy in deployment.of_type("google_monitoring_alert_policy").values():
        [condition] = policy["conditions"][0]["condition_matched_log"] or [{}]
        if condition.get("label_extractors"):
            [limit] = policy["alert_strategy"][0]["notification_rate_limit"]
            told_apart[policy["display_name"]] = condition["label_extractors"] | limit
    listener = {"listener": "EXTRACT(jsonPayload.listener)", "period": "43200s"}
    account = {"account": "EXTRACT(protoPayload.authenticationInfo.principalEmail)", "period": "43200s"}
    assert told_apart == {
        "Heavy Rotation: A listener needs to consent again, or soon will": listener,
        "Heavy Rotation: Plays may be missing": listener,
        "Heavy Rotation: A token was read, and not by ingest": account,
        "Heavy Rotation: A function reports an error": listener | {"function": "EXTRACT(resource.labels.service_name)"},
    }


def test_a_file_that_cannot_be_loaded_and_is_not_in_the_quarantine_bucket_is_an_error(deployment):
    filters = {
        policy["display_name"].removeprefix("Heavy Rotation: "): condition["filter"]
        for policy in deployment.of_type("google_monitoring_alert_policy").values()
        for condition in policy["conditions"][0]["condition_matched_log"]
    }
    quarantined = '(jsonPayload.message="A file cannot be loaded" AND jsonPayload.error_class="FileRefused")'
    assert f"OR {quarantined}" in filters["Something landed in the quarantine bucket"]
    assert f"AND NOT {quarantined}" in filters["A function reports an error"]
