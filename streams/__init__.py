"""tieout: capture, orchestration, posting and reconciliation of commercial events."""
