"""What pupils, guests and parents may be told without a sign-in, and what a device has to prove first."""
