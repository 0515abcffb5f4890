"""BigQuery: REST calls, jobs and tables over DuckDB. May import gcp and, for uploads, gcp.storage."""
