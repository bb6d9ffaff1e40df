"""Watching conversions: states, pages, progress, events, and how long a caller waits."""
