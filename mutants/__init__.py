"""``make mutants``: puts small faults into the code, and counts those that no test sees."""
