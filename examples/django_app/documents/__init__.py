"""A visitor uploads a document, looks on while it becomes a PDF, and downloads it."""
