"""The conformance suite: what every pattern promises, as tests that run on every backend."""
