"""The tasks, one a module. Their bodies read as the protocol; what they share is in `workers`.

They are ``shared=False``: Celery would otherwise register them with every other app of the process,
and a web application's app would take on their settings.
"""
