"""How the last run of a program ended: what it wrote down of itself, and what of its end can be proved afterwards."""
