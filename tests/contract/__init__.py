"""The same cases for every kind of remote."""
