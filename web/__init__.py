"""The HTTP process: webhooks, a REST API and a page; `docs/http.md` is its contract."""
