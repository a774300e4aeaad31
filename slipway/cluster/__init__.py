"""The cluster of a stack: kubectl, live objects, rollouts, capacity."""
