"""One module per automatic grader; a task names its grader."""
