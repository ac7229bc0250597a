"""Door: the checks of `neffcache doctor`, one module for each part of the way to a hit."""
