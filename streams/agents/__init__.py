"""The thin shell: one agent a file. Agents decode, call the core, encode; they decide nothing."""
