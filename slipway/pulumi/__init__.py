"""Driving the Pulumi engine: projects and stacks, events, changes, state."""
