"""The tasks, one a module. Their bodies read as the protocol; what they share is in `workers`."""
