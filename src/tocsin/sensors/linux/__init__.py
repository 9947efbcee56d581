"""Linux sensors: they keep files of /proc open and parse no more of them than they report."""
