"""AppImage, and what it needs to know about contexts, references and registries."""
