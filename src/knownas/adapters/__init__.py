"""One file per thing outside, each behind a small port."""
