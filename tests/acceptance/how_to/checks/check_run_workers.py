def check(page):
    """`conveyor doctor` has ended well, or the page would have stopped there.

    `tests/acceptance/test_wheel.py` starts a worker, the web process and Celery's command so.
    """
