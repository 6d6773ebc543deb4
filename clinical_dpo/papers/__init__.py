"""The printed results of the two reproduced papers: checks of the numbers, and comparison with a run."""
