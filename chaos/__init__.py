"""Faults against a real fleet, judged by the sandbox: ``make chaos``."""
