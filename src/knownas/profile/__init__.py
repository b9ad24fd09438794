"""What a profile becomes with each record: properties, counts, type, timeline, and what changed. Pure."""
