"""Callbacks: what Conveyor POSTs to a caller's address when a conversion changes."""
