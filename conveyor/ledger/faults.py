"""What redis-py raises, named for whoever has to catch it outside of the ledger.

Inside the library, only `conveyor.ledger` imports redis. Celery's and kombu's own clients raise
redis-py's errors too, so their subclasses and the workers' loops catch these.
"""

from redis import ConnectionError as LostConnection
from redis import RedisError
from redis import TimeoutError as TimedOut

__all__ = ["LostConnection", "RedisError", "TimedOut"]
