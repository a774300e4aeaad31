"""Databases of a stack: drills, and restores next to the database that is used."""
