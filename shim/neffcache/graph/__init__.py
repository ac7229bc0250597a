"""Noun: what a compile's input says, as a digest."""
