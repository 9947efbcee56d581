"""What survives: real processes killed, power cut, and system calls that fail. See `python -m tests.crash --help`."""
