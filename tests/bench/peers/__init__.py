"""The peers that ours is measured beside, each with its settings, kept as they were run."""
