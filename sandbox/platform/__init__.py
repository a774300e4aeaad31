"""The platform: network, nodes, control plane, registry, images."""
