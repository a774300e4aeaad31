"""The translation of services into components, and of their fields into arguments."""
