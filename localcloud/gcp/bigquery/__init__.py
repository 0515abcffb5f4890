"""BigQuery: REST calls, jobs and tables over DuckDB. May import what gcp may, gcp, and gcp.storage."""
