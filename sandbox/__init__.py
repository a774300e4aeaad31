"""A local platform on one Linux machine: Kubernetes, a registry, BuildKit and Pulumi."""
