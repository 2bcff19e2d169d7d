"""The recipes: what each pattern reads and writes, as functions of a `Reader` or a `Writer`."""
