"""From a source to task rows, splits and preference pairs."""
