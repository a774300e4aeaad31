"""Measurements that print times and sizes; none of them is a test."""
