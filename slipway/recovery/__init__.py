"""The repair of a stack after a killed operation, and the comparison with its cluster."""
