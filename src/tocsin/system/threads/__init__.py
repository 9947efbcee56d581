"""The program's threads: which a system knows, and who of them died, fell silent or is stuck."""
