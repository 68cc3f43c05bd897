"""The benchmark: the orchestration stage on Apache Kafka beside the same work in other frameworks."""
