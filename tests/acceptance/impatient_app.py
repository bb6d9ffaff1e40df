"""``celery -A impatient_app worker``: `workers.app` with a time-out that no setting allows.

=====================  ===========================================================================
``IMPATIENT_S``        give back what was drawn so long ago; look for it every second
``IMPATIENT_SHARES``   keep what was drawn where kombu keeps it by default, as all others do
=====================  ===========================================================================
"""

from __future__ import annotations

import os

from workers.app import app

__all__ = ["app"]

options = dict(app.conf.broker_transport_options)
if os.environ.get("IMPATIENT_S"):
    options |= {
        "visibility_timeout": float(os.environ["IMPATIENT_S"]),
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    }
if os.environ.get("IMPATIENT_SHARES"):
    options = {name: value for name, value in options.items() if not name.startswith("unacked_k")}
    for name in ("unacked_index_key", "unacked_mutex_key"):
        del options[name]
app.conf.broker_transport_options = options
