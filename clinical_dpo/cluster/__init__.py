"""Estimates of time and memory, the plan, and Slurm."""
