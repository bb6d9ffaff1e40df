"""What Conveyor is measured beside: first versions as a good engineer writes them."""
