"""Writing code for what `pulumi import` has imported.

The engine tells it in PCL, its language for programs; the code has the form that the official generator
gives it.
"""
