"""What a run shows to a person in a terminal."""
