"""Whole: the kinds of remotes, each opened by its scheme and imported by nobody by name."""
