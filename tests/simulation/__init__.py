"""A deterministic simulation of the whole protocol: the product's stages, transport and core on a simulated Kafka."""
