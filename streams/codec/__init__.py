"""Avro on the wire: schemas, the classes made from them, Confluent's format, registries, JSON."""
