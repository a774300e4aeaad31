"""Promotion of a version to the next stack, verified or rolled back."""
