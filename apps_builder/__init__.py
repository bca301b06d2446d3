"""Apps: model, policies, components, editor and viewer."""
