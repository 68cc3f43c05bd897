"""Real servers for the tests, without containers: Apache Kafka, a schema registry, PostgreSQL.

Nothing here knows what tieout does. A part of the machine that is missing (Java, Maven, PostgreSQL) is a
`ComponentMissingError` that says what to install.
"""
