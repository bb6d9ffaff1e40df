"""What `conveyor doctor` finds out, and why a server can't be used."""
