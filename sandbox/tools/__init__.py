"""The tools of the platform, their compilation, and the plugins of Pulumi."""
