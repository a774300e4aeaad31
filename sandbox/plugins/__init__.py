"""The Pulumi plugins that the Go module proxy does not hold: official where they can be had, else stand-ins.

`install.install(environment)` sees to it that the Pulumi of an environment (its PATH, its
PULUMI_HOME) has them; `install.in_use(environment)` tells which it has, for people to read.
"""
