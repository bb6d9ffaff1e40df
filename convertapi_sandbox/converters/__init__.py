"""Conversions that run for real, without a network."""
