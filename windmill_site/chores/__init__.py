"""The site's own chores: what keeps it tidy and nobody wants a log of."""
