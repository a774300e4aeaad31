"""A real platform on one Linux machine: Kubernetes, registry, builder and Pulumi."""
