"""Flows: the OpenFlow model, its engine, the editor and the run graph."""
