"""A page that counts its visits in Redis: the application that the stacks deploy."""
