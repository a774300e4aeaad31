"""A stand-in for the official Kubernetes resource plugin, for machines that cannot download it."""
