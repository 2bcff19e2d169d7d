"""Between redis-py and the patterns: connections, commands, scripts."""
