"""One module per automatic grader. A task names its grader."""
