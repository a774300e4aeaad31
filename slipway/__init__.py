"""What surrounds `pulumi up`: reading a change before it happens, applying what was read, promoting it.

It drives stacks through Pulumi's Automation API, with whatever backend and login the user has, and knows
nothing of the insides of components, of the program's settings, or of the sandbox.
"""
