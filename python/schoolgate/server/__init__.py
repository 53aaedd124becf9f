"""The DNS server process: start, service, what is active, schedule clock, control commands."""
