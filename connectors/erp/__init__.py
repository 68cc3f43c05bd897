"""ERPs: general ledgers that journals are posted to."""
