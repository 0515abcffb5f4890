"""Runs Dataproc's batches on local Spark, each as a process. May import gcp and clock."""
