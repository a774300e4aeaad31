"""The report of a preview: its model, and one module for each format."""
