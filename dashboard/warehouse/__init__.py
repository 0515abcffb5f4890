"""BigQuery → frames, kept per version of the data. May import settings, analysis and pipeline."""
