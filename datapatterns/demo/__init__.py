"""Two demonstrations: a tour of the embedded store, and the application Mailroom."""
