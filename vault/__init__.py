"""Variables, resources, resource types and encryption."""
