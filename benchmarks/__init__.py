"""Measurements: ``make bench``. Figures are of the machine they were taken on; read the ratios."""
