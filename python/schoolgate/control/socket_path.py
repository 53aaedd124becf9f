"""How long the path of the control socket may be, at both of its ends."""

# sockaddr_un has 108 octets for the path, the last one zero (unix(7)).
LONGEST_PATH_OCTETS = 107
