"""Programs that converters run as processes of their own, by path."""
