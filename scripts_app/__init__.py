"""Scripts: versions, signatures and the editor."""
