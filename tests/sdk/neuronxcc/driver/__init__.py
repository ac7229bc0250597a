"""The command line: what is asked for, the switches of the tests, and the order of one compile."""
