"""What the two papers print, held against itself and beside a run."""
