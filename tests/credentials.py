"""Credentials that know newer ones, and some that can't be read."""

from __future__ import annotations


class Rotating:
    """Credentials that know a newer one."""

    def __init__(self, *bearers):
        self.bearers = list(bearers)
        self.refused = []

    def bearer(self):
        return self.bearers[0]

    def refresh(self, refused):
        self.refused.append(refused)
        if len(self.bearers) > 1:
            self.bearers.pop(0)
            return True
        return False


class Broken:
    def bearer(self):
        raise OSError("/run/secrets/hush")

    def refresh(self, refused):
        raise OSError("/run/secrets/hush")
