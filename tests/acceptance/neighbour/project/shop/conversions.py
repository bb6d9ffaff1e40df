"""The shop's way to Conveyor: through its own Celery app where its settings allow that."""

import os

from conveyor import Conveyor
from shop.celery import app

conveyor = Conveyor.from_env(celery_app=None if os.environ["SHOP_KEY_PREFIX"] else app)
