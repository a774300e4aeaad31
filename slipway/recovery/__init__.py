"""Repairing what a killed operation left behind, and finding drift."""
