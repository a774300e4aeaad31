"""Components that run on Kubernetes."""
