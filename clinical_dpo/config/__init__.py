"""The study as configured and checked."""
