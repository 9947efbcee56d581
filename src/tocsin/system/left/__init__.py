"""What a program left in its state directory, asked when it is gone."""
