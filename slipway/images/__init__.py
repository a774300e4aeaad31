"""Container images: references, registries, copies, bills of materials."""
