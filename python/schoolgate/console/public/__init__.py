"""Pages for people without an account: why a site is closed, what the school filters, and the way to them."""
