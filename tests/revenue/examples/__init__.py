"""The published illustrative examples, by number, driven through canonical events and the dry run."""
