# MikroTik RouterOS 7 as router and DHCP server of a school whose DNS is schoolgate. Network plan:
# deploy/samples/several-vlans.toml. Interfaces vlan10, vlan20, vlan30 and their DHCP servers must exist already.
# Read it, then: /import file-name=mikrotik.rsc
#
# Only schoolgate, in every VLAN. Never a second server "just in case": devices use whichever answers, so half of the
# questions would go round the filter. A second schoolgate may stand beside the first.

# The router must not answer DNS for clients itself. With an empty dns-server= a network would advertise what stands here.
/ip dns set allow-remote-requests=no

# --- DHCPv4: option 6 by dns-server=, option 15 by domain= -----------------------------------------------------------
# With deploy/samples/split-view.toml staff get 10.1.0.54 instead.
/ip dhcp-server network
add address=10.1.10.0/24 gateway=10.1.10.1 dns-server=10.1.0.53 domain=school.example.org comment="staff"
add address=10.1.20.0/22 gateway=10.1.20.1 dns-server=10.1.0.53 domain=school.example.org comment="pupils"
add address=10.1.30.0/24 gateway=10.1.30.1 dns-server=10.1.0.53 comment="guests"
# A network that exists already: set [find address=10.1.10.0/24] dns-server=10.1.0.53

# --- IPv6: RDNSS in the router's advertisements, without the router's own address -------------------------------------
# advertise-dns=yes sends the servers of /ip dns when dns= is empty: name schoolgate here. One entry a VLAN, and the entry
# for "all" off, or it would speak for VLANs that nobody thought of.
/ipv6 nd
set [find default=yes] disabled=yes
add interface=vlan10 advertise-dns=yes dns=2001:db8:1::53 other-configuration=no comment="staff"
add interface=vlan20 advertise-dns=yes dns=2001:db8:1::53 other-configuration=no comment="pupils"
add interface=vlan30 advertise-dns=yes dns=2001:db8:1::53 other-configuration=no comment="guests"

# --- stray questions: port 53 to schoolgate, encrypted DNS ports closed (see deploy/firewall/nftables.conf for why) ----
/interface list add name=schoolgate-clients comment="VLANs whose DNS goes to schoolgate"
/interface list member
add list=schoolgate-clients interface=vlan10
add list=schoolgate-clients interface=vlan20
add list=schoolgate-clients interface=vlan30

/ip firewall nat
add chain=dstnat in-interface-list=schoolgate-clients protocol=udp dst-port=53 dst-address=!10.1.0.53 action=dst-nat to-addresses=10.1.0.53 comment="stray DNS to schoolgate"
add chain=dstnat in-interface-list=schoolgate-clients protocol=tcp dst-port=53 dst-address=!10.1.0.53 action=dst-nat to-addresses=10.1.0.53 comment="stray DNS to schoolgate"
/ipv6 firewall nat
add chain=dstnat in-interface-list=schoolgate-clients protocol=udp dst-port=53 dst-address=!2001:db8:1::53/128 action=dst-nat to-address=2001:db8:1::53/128 comment="stray DNS to schoolgate"
add chain=dstnat in-interface-list=schoolgate-clients protocol=tcp dst-port=53 dst-address=!2001:db8:1::53/128 action=dst-nat to-address=2001:db8:1::53/128 comment="stray DNS to schoolgate"

# These lines go to the end of the chain: move them above any rule that accepts forwarded traffic of these VLANs.
/ip firewall filter
add chain=forward in-interface-list=schoolgate-clients protocol=tcp dst-port=853 action=reject reject-with=tcp-reset comment="no DNS over TLS"
add chain=forward in-interface-list=schoolgate-clients protocol=udp dst-port=853 action=reject reject-with=icmp-port-unreachable comment="no DNS over QUIC"
/ipv6 firewall filter
add chain=forward in-interface-list=schoolgate-clients protocol=tcp dst-port=853 action=reject reject-with=tcp-reset comment="no DNS over TLS"
add chain=forward in-interface-list=schoolgate-clients protocol=udp dst-port=853 action=reject reject-with=icmp-port-unreachable comment="no DNS over QUIC"
