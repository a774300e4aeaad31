"""Pulumi projects and stacks, and the events of the engine."""
