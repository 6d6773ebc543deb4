"""Download, pre-train, load and save base models."""
