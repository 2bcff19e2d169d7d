"""The conformance suite, the servers it runs on, and the faults it makes."""
