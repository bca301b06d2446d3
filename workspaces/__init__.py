"""People, groups, folders, access lists, tokens, policy and audit: the lowest room."""
