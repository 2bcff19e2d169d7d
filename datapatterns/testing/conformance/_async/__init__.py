"""The conformance suite in the async face: the source from which the sync one is generated."""
