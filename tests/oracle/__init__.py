"""The independent batch calculation, and the histories it is run over. Imports nothing of the product."""
