"""Dead letters: conversions that have ended without files."""
