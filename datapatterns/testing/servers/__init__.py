"""Servers that tests start by themselves: Redis, Valkey, CouchDB, and containers of them."""
