"""What a system answers the command line, and how it shows what it knows."""
