"""Fields of records that a model writes."""
