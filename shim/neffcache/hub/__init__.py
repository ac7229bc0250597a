"""World: the Hugging Face Hub: names, login, requests with deadlines."""
