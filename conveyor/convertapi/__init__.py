"""ConvertAPI's asynchronous protocol over HTTP; `docs/protocol.md` has the facts.

Nothing is imported here: who only names a result or a dialect needs no HTTP client.
"""
