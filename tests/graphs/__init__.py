"""Graphs: programs, wire codec, changes with a known meaning, and judges that are not our code."""
