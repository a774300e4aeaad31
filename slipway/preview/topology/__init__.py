"""The system as clients reach it, before and after a change: outside, doors, Services, pods, data.

Only what changes the ways in, the ways between pods or the data counts. A new image or variable does not.
"""
