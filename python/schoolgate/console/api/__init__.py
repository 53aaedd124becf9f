"""The API at /api/v1: each operation of `control` by its name, for programs with an API token.

No route is written for an operation: openapi.json, made from the registry, says which there are. A cookie opens nothing
here, and a token is taken from the Authorization header alone.
"""
