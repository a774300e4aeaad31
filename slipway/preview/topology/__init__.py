"""The system as clients reach it, before and after a change: outside, doors, Services, pods, data.

A picture shows changes of entrances, of traffic between pods, and of data; not a new image or variable.
"""
