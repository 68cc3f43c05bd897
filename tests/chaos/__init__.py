"""Chaos: real workers on real servers, a seeded schedule of faults, and an independent check of what is left."""
