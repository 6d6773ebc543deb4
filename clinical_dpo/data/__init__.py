"""Turn a source into task rows, splits and preference pairs."""
