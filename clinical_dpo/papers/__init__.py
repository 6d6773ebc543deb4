"""The results that the two papers print, checked against each other and compared with a run."""
