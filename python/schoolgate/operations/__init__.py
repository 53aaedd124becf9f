"""What a person or a job may do, each a function that checks the right, does it, and writes the audit entry.

The command line, the console and the API call these and nothing below. They run in the process `schoolgate control`;
where that does not run, the command line hosts them itself.
"""
