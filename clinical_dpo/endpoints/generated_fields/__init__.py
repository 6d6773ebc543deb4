"""Generated fields: fields of a record whose text a model writes."""
