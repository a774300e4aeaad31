"""The tools of the platform: what is compiled, and how; the plugins of Pulumi."""
