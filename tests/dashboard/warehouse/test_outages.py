"""The store when BigQuery fails, refuses or does not answer: the last copy with its age, else an error, never zeros."""

import json

import pytest
from google.cloud import bigquery

from localcloud import ledger
from localcloud.faults import Fault
from localcloud.gcp.laptop_cloud import LaptopCloud
from tests.dashboard.warehouse.over_bigquery import GAP, open_store, row
from tests.seed import seed
from warehouse import store as warehouse_store
from warehouse.errors import TablesMissing, WarehouseUnreadable
from warehouse.store import Store


def answer(status: int, reason: str) -> Fault:
    """BigQuery's refusal of every query."""
    error = {"code": status, "message": "said by p.d", "errors": [{"reason": reason, "message": "said by p.d"}]}
    return Fault("bigquery POST .*", status=status, times=None, body=json.dumps({"error": error}))


def test_when_the_warehouse_is_down_the_last_copy_is_served_and_says_so(cloud: LaptopCloud, store: Store):
    seed(cloud, "plays", [row("2026-11-01 10:00", "a")])
    good = store.history("ania")
    cloud.faults.order(Fault("bigquery GET .*", status=403, times=None))
    stale = store.history("ania")
    assert (stale.value, stale.known_at) == (good.value, good.known_at)
    assert str(stale.error).startswith("BigQuery does not let the dashboard's account read the tables.")
    cloud.faults.clear()
    assert store.history("ania").error is None


@pytest.mark.parametrize("fault", [Fault("bigquery GET .*", times=None), Fault("bigquery GET .*", "drop", times=None)])
def test_an_outage_has_a_message_and_ends_by_itself(cloud: LaptopCloud, store: Store, fault: Fault):
    seed(cloud, "plays", [row("2026-11-01 10:00", "a")])
    good = store.history("ania")
    cloud.faults.order(fault)
    assert store.history("ania").error == "BigQuery did not answer."
    cloud.faults.clear()
    again = store.history("ania")
    assert (again.value, again.error) == (good.value, None)
    assert again.known_at > good.known_at, "it was asked, and nothing had changed"


class Clock:
    """The store's clock; it stands still until a test moves it."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(warehouse_store, "time", clock)
    return clock


def test_what_has_a_copy_does_not_wait_for_the_same_outage_again(cloud: LaptopCloud, clock: Clock):
    """A page reads several tables: of a warehouse that hangs, only the first is waited for."""
    store = open_store(cloud, check_seconds=15)
    seed(cloud, "plays", [row("2026-11-01 10:00", "a")])
    history, gaps = store.history("ania"), store.gaps("ania")
    clock.seconds += 16
    cloud.faults.order(Fault("bigquery GET .*", "drop", times=None))
    assert store.history("ania").error == "BigQuery did not answer."
    cloud.faults.calls.clear()
    assert store.gaps("ania").error == "BigQuery did not answer."
    assert not cloud.faults.calls
    cloud.faults.clear()
    clock.seconds += 16
    assert (store.history("ania").value, store.gaps("ania").error) == (history.value, gaps.error)


def test_a_query_that_is_refused_makes_no_copy_of_any_other_table(cloud: LaptopCloud, clock: Clock):
    """One listener's ten years may be too much for the limit; the others are not to see yesterday's copy for it."""
    store = open_store(cloud, check_seconds=15)
    seed(cloud, "plays", [row("2026-11-01 10:00", "a")])
    store.history("ania"), store.gaps("ania")
    clock.seconds += 16
    seed(cloud, "plays", [row("2026-11-02 10:00", "b")])
    seed(cloud, "gaps", [GAP])
    cloud.faults.order(answer(400, "bytesBilledLimitExceeded"))
    assert "MAXIMUM_BYTES_BILLED" in str(store.history("ania").error)
    gaps = store.gaps("ania")
    assert (len(gaps.value), gaps.error) == (1, None)


def test_a_limit_that_is_too_low_is_named(cloud: LaptopCloud):
    seed(cloud, "plays", [row("2026-11-01 10:00", "a")])
    store = open_store(cloud, MAXIMUM_BYTES_BILLED="1000000")
    with pytest.raises(WarehouseUnreadable, match=r"more than `MAXIMUM_BYTES_BILLED` allows\. Its owner can set it"):
        store.history("ania")
    with pytest.raises(WarehouseUnreadable, match="MAXIMUM_BYTES_BILLED"):
        store.everything("ania")


@pytest.mark.parametrize(
    ("status", "reason", "text"),
    [
        (403, "quotaExceeded", "quota for BigQuery is used up"),
        (403, "rateLimitExceeded", "too many requests"),
        (403, "accessDenied", "does not let the dashboard's account"),
        (400, "invalidQuery", "BigQuery refused the query"),
        (500, "backendError", "BigQuery did not answer."),
    ],
)
def test_each_refusal_of_bigquery_has_its_own_message(
    cloud: LaptopCloud, store: Store, status: int, reason: str, text: str
):
    cloud.faults.order(answer(status, reason))
    with pytest.raises(WarehouseUnreadable, match=text):
        store.history("ania")


def test_a_job_that_fails_shows_the_refusal_behind_it(cloud: LaptopCloud, store: Store):
    cloud.faults.order(Fault("bigquery job .*", "fail", times=None, reason="quotaExceeded"))
    with pytest.raises(WarehouseUnreadable, match="quota for BigQuery is used up"):
        store.history("ania")


def test_a_version_that_cannot_be_loaded_leaves_the_one_before_in_place(cloud: LaptopCloud, store: Store):
    seed(cloud, "plays", [row("2026-11-01 10:00", "a")])
    good = store.history("ania")
    seed(cloud, "plays", [row("2026-11-02 10:00", "b")])
    cloud.faults.order(Fault("bigquery POST .*jobs", status=403, times=None))
    stale = store.history("ania")
    assert (stale.value, stale.error is None) == (good.value, False)
    cloud.faults.clear()
    assert len(store.history("ania").value.plays) == 2


def test_a_listed_table_that_lacks_a_column_is_named_and_leaves_its_last_copy(cloud: LaptopCloud):
    client, store = ledger.warehouse(cloud.environment), open_store(cloud, DATASET=cloud.environment["STAGING_DATASET"])
    address = f"{cloud.environment['GOOGLE_CLOUD_PROJECT']}.{cloud.environment['STAGING_DATASET']}.gaps"
    whole = [bigquery.SchemaField("listener_id", "STRING"), bigquery.SchemaField("gap_start", "TIMESTAMP")]
    lacking = "The table `gaps` has no column `gap_end`: dashboard and tables may be of two versions. Their owner can"
    client.create_table(bigquery.Table(address, whole))
    with pytest.raises(WarehouseUnreadable, match=lacking):
        store.gaps("ania")
    client.delete_table(address)
    client.create_table(bigquery.Table(address, [*whole, bigquery.SchemaField("gap_end", "TIMESTAMP")]))
    assert store.gaps("ania").error is None
    client.delete_table(address)
    client.create_table(bigquery.Table(address, whole))
    assert str(store.gaps("ania").error).startswith(lacking)
    client.delete_table(address)


def test_a_table_that_is_refused_and_may_be_missing_is_named(cloud: LaptopCloud, store: Store):
    """Where the account has a grant on each table, BigQuery does not tell the two apart."""
    message = "Permission bigquery.tables.get denied on table p:d.tracks (or it may not exist)"
    body = json.dumps({"error": {"code": 403, "message": message, "errors": [{"reason": "accessDenied"}]}})
    cloud.faults.order(Fault("bigquery GET .*/tables/tracks.*", status=403, times=None, body=body))
    with pytest.raises(
        WarehouseUnreadable, match="`tracks` is missing in the dataset, or its grant is; the others can"
    ):
        store.history("ania")


def test_a_dataset_that_is_not_there_has_an_error_of_its_own(cloud: LaptopCloud):
    with pytest.raises(TablesMissing):
        open_store(cloud, DATASET="elsewhere").history("ania")
