"""The workers' configuration: settings from the environment, and Celery's options."""
