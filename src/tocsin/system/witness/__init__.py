"""What is seen of the interpreter and the machine, kept as proof for alerts."""
