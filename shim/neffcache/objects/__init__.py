"""World: object stores (S3, Azure Blob, GCS) through obstore: who we are there, what they say."""
