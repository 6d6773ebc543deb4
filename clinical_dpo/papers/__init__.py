"""What the two papers print: as data, held against itself, and beside what a run reproduces."""
