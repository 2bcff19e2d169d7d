"""A database: its documents, designs and views."""
