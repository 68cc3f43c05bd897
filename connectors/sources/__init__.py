"""Sources: from what a commercial system sends to canonical events. They decide no accounting."""
