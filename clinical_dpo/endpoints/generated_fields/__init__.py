"""Generated fields: a model writes the text of these fields of a record."""
