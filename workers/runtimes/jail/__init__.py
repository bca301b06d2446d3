"""Code that runs inside the jail: the fork server, the mini-init and the job itself.

Standard library only, no import of anything else in this project: the directory is bound read-only into the
jail under the package name `wmjail` and may be run by another Python version than the worker's (3.10 or newer).
"""
