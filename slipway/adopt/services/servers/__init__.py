"""Services that run a server with data, as components, and what their clients get."""
