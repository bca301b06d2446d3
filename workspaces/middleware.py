"""Gives every request its principal."""
