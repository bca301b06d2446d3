"""Which version of the platform this is."""

VERSION = "0.1.0"
