"""The history of the schema: forward only. Going back means restoring the copy that was made before a migration."""
