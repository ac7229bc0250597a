"""Door: what runs on its own behind the compiles: the uploader."""
