"""Reading of Compose files, and of Dockerfiles, as one model."""
