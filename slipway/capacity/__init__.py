"""What each workload needs, and where it fits: models on measured use."""
