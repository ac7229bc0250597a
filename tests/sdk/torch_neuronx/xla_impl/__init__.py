"""What stands between a traced graph and the compiler."""
