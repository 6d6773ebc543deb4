"""What is computed of each kind of grade: each module has `estimates` of a variant and `difference` of two."""
