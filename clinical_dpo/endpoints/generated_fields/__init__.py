"""Generated fields: fields of records whose text a model writes."""
