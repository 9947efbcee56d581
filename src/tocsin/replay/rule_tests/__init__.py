"""Tests of rules, written in TOML: readings and orders, and what is to follow from them."""
