-- "Response Policy Zones" of PowerDNS Recursor's documentation.
rpzFile("$directory/listed.rpz", {policyName="listed", defpol=Policy.NXDOMAIN})
