"""What the command line does, a module for each noun. Arguments are cli.py's; what it takes is printed from here."""
