"""Another configuration for a running system: all of it or nothing, and what is the same goes on untouched."""
