"""Databases of a stack: drills, and restores beside the database that is used."""
