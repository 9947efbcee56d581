"""The one engine over inputs that were recorded or written: backtests, rule tests, and runs played again."""
