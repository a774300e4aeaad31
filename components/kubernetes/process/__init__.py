"""What the components that run a process share: its container, its files, its volumes, its pods."""
