"""The jobs API: every operation a plain async function of a `Call`, listed with its path, role and scope.

The fast lane serves them to bearers without Django; `workers.api` serves the same functions to cookies.
"""
