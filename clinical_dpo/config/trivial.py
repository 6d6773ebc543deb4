"""Names of the trivial answers to a task with labels. A trivial answer needs no model."""

MAJORITY = "majority"  # gives every item the most frequent label of the training rows
ALWAYS_POSITIVE = "always_positive"
NEARLY_ALL = 0.95  # a variant that gives one label to this share of the items, or more, is reported
