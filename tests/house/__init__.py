"""House: rules that a linter cannot state, each a function over a tree that yields breaches."""
