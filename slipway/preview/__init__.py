"""Previews: their consequences, their report, and plans that apply exactly what was reviewed."""
