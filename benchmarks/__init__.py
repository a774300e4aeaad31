"""Measurements, for people to run and read; nothing here passes or fails."""
