"""Submit and poll, each a task."""
