"""Story: one compile through the cache: key, look-up, restore; or compile and keep."""
