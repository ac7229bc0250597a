"""Real servers that remotes are tested against, on 127.0.0.1, each ended with its test."""
