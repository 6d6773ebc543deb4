"""Checks of a task's rows before training."""
