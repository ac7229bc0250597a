"""What processes of one job do together."""
