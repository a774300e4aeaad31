"""`slipway adopt`: a Pulumi program from a Compose file, or from a Dockerfile."""
