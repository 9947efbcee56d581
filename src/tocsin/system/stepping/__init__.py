"""What goes into the engine, when, and on which thread."""
