"""The report on what a change will do: one model, and a module for each format."""
