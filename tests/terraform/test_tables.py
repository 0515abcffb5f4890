"""The tables that Terraform makes are the table files, column by column, and those of the laptop cloud."""

import json

from localcloud.gcp.set_up import TABLE_FILES, table_resource


def test_the_tables_in_the_cloud_are_the_tables_of_the_laptop(deployment):
    made = deployment.of_type("google_bigquery_table").values()
    assert {table["table_id"]: as_resource(table) for table in made} == {
        path.stem: {key: value for key, value in table_resource(path, {}).items() if key != "tableReference"}
        for path in TABLE_FILES
    }


def as_resource(table):
    """A table of Terraform's state in the form of BigQuery's API."""
    resource = {
        "description": table["description"],
        "schema": {"fields": json.loads(table["schema"])},
    }
    if table["table_constraints"]:
        key = table["table_constraints"][0]["primary_key"][0]["columns"]
        resource["tableConstraints"] = {"primaryKey": {"columns": key}}
    if table["time_partitioning"]:
        partitioning = table["time_partitioning"][0]
        resource["timePartitioning"] = {"type": partitioning["type"], "field": partitioning["field"]}
    if table["clustering"]:
        resource["clustering"] = {"fields": table["clustering"]}
    return resource
