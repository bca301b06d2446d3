"""Pages of scripts."""
