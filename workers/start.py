"""How a worker starts: settings read, options set, tasks named, logs and keepers hooked in."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import structlog
from celery import Celery, signals
from kombu.exceptions import OperationalError

from config.celery import celery_options
from config.settings import WorkerSettings, load_settings
from conveyor.diagnosis.standing import Server
from conveyor.errors import SettingsError
from conveyor.ledger import wire
from conveyor.ledger.faults import RedisError
from conveyor.messaging.extensions import BACKENDS
from workers import (
    cleaner,
    cleanup,
    deadlines,
    eraser,
    expiring,
    logs,
    precautions,
    revoking,
    storage_watch,
    sweep,
    unread,
    wiring,
)
from workers.guest import GuestAmqp, GuestWorker
from workers.periodic import Periodic

__all__ = ["make_app"]

log = structlog.get_logger("conveyor.start")

# What takes longer is due again after its lease: another worker looks what became of it.
_DRAIN_S: Final = 8.0
# A notice that is cut off comes twice.
_DRAIN_NOTICES_S: Final = 2.0

# As strings: the tasks import the workers, not the other way round.
_MODULES: Final = (
    *("tasks.submit", "tasks.poll", "tasks.deliver", "tasks.notify", "tasks.checkup"),
    "workers.about",  # a command of remote control
)


def make_app(read: Callable[[], WorkerSettings] = load_settings) -> Celery:
    """Build the application from the environment.

    Args:
        read: Reads the settings.

    Returns:
        The app, with its tasks to be imported when the worker starts.

    Raises:
        SystemExit: A setting is missing or wrong; one line on standard error names it.
    """
    try:
        settings = read()
    except SettingsError as error:
        sys.exit(f"error: {error}")
    app = Celery(
        "conveyor", task_cls="workers.base:ConversionTask", include=_MODULES, amqp=GuestAmqp
    )
    # Celery's own keeps its connections to a primary that has become a replica.
    app.loader.override_backends = BACKENDS
    app.conf.update(celery_options(settings))
    app.Worker = app.subclass_with_self(GuestWorker)
    wire.install()
    wiring.use(app, settings)
    logs.install(settings.log_level, settings.log_format)
    revoking.install()
    unread.install(app)
    _hook_node(app, settings)
    _hook_keepers()
    _hook_crew()
    _hook_precautions(app)
    return app


def _hook_node(app: Celery, settings: WorkerSettings) -> None:
    """Have the parts know in whose name events are sent, before any are made."""

    def begin(sender: Any, **_: Any) -> None:
        """Take the worker's name for its events, if it sends any."""
        wiring.use(app, settings, sender.hostname if sender.task_events else "")

    signals.worker_init.connect(begin, weak=False)


def _hook_precautions(app: Celery) -> None:
    """Look at the servers before anything is consumed, or as soon as they are there."""
    seen: list[Server] = []

    def look() -> None:
        """Look at the servers, unless an earlier look has reached them."""
        if not seen:
            seen.extend(precautions.look_at_servers(wiring.wired().ledger, app))

    def look_again() -> None:
        """Look until the servers can be reached, and log what is wrong there."""
        look()
        if seen:
            again.stop()
            precautions.log_concerns(seen)

    again = Periodic("precautions", precautions.AGAIN_S, look_again)

    def before(**_: Any) -> None:
        """End the worker at once if a server is set up so that it can't work."""
        try:
            look()
        except SettingsError as error:
            sys.exit(f"error: {error}")

    def ready(**_: Any) -> None:
        """Log what the first look has found, or keep on looking."""
        # Not earlier: logs were not set up, and a thread would not have outlived the pool's forks.
        if seen:
            precautions.log_concerns(seen)
        else:
            again.start()

    signals.worker_init.connect(before, weak=False)
    signals.worker_ready.connect(ready, weak=False)


def _hook_keepers() -> None:
    """Every worker sweeps, clears away and deletes, from its main process, as long as it works."""
    keepers = (
        Periodic("sweep", sweep.EVERY_S, sweep.sweep),
        Periodic("deadlines", deadlines.EVERY_S, deadlines.end_late),
        Periodic("cleaner", cleaner.EVERY_S, cleaner.clean_ledger),
        Periodic("clean-storage", cleaner.EVERY_S, cleaner.clean_storage),
        Periodic("storage", storage_watch.EVERY_S, storage_watch.look),
        Periodic("eraser", eraser.EVERY_S, eraser.erase_due),
        Periodic("expiring", expiring.EVERY_S, expiring.remove_expired),
        *(
            Periodic(f"cleanup-{number}", cleanup.EVERY_S, cleanup.clean_up)
            for number in range(cleanup.THREADS)
        ),
    )

    def begin(**_: Any) -> None:
        """Start every keeper."""
        for keeper in keepers:
            keeper.start()

    def end(**_: Any) -> None:
        """Stop every keeper."""
        for keeper in keepers:
            keeper.stop()

    signals.worker_ready.connect(begin, weak=False)
    signals.worker_shutting_down.connect(end, weak=False)


def _hook_crew() -> None:
    """What the crew has in hand is brought to its end, as Celery does with running tasks."""

    def drain(**_: Any) -> None:
        """Wait a bounded time for the crew, and send the events that are left."""
        services = wiring.wired()
        services.notifier.stop()
        if not services.crew.drain(_DRAIN_S) or not services.notifier.drain(_DRAIN_NOTICES_S):
            log.warning("stopped_with_work_left")
        with suppress(OperationalError, RedisError, OSError):
            services.announcer.flush()

    signals.worker_shutdown.connect(drain, weak=False)
    signals.worker_process_shutdown.connect(drain, weak=False)
