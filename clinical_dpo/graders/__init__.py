"""Automatic graders, one a module: each named as `grader` in a task file, each with a function `grades`."""
