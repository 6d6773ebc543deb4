"""The trivial answers to a task with labels, which need no model."""

MAJORITY = "majority"  # the majority label of the training rows
ALWAYS_POSITIVE = "always_positive"
NEARLY_ALL = 0.95  # share of the items to which a variant gives one label
