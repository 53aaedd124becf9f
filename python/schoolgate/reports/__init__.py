"""Reports in plain English for three readers: who runs the network, who answers for safeguarding, who governs."""
