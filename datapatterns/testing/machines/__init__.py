"""State machines of hypothesis that compare patterns with plain models."""
