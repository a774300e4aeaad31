"""The platform itself: network, nodes, control plane, registry, images."""
