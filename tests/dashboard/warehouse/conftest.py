from tests.dashboard.warehouse.over_bigquery import cloud as cloud
from tests.dashboard.warehouse.over_bigquery import laptop as laptop
from tests.dashboard.warehouse.over_bigquery import store as store
