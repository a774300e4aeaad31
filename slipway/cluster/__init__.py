"""The cluster of a stack: kubectl, its objects, rollouts, pods and capacity."""
