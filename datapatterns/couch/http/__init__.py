"""Requests to a CouchDB and their answers."""
