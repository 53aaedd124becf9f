"""Screens, one file each: `SCREEN`, `add_routes(app)`, and handlers that shape what operations return."""
