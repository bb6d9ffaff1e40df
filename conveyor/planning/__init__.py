"""Planning: what a load needs, reckoned from measured unit costs."""
