"""The shop's way to Conveyor: beside its own Celery app, whose results are in Django's database."""

from conveyor import Conveyor

conveyor = Conveyor.from_env()
