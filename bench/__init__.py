"""What the platform costs, beside the limits of the machine measured in the same run. It reports; it never fails."""
