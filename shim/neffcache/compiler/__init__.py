"""World: the real compiler: where it is, and which one it is without starting it."""
