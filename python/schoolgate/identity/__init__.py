"""Which device stands behind an address: sources, the table of bindings, its history, the process that reads."""
