"""Models: their training, and the gate that compares a model with the one that a stack serves."""
