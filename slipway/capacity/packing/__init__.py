"""Workloads placed on nodes with prices."""
