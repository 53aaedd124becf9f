# Windows Server DHCP for a school whose DNS is schoolgate. Network plan: deploy/samples/several-vlans.toml.
# Run in an elevated PowerShell on the DHCP server. Read-only first: add -WhatIf to each Set- line.
#
# Only schoolgate, in every scope. Never a domain controller or a public server beside it "just in case": devices use whichever
# answers, so half of the questions would go round the filter. A second schoolgate may stand beside the first.
# Names of Active Directory still work: schoolgate asks the controllers for them ([[forward_zones]] in
# deploy/samples/split-view.toml).

Import-Module DhcpServer
$ErrorActionPreference = 'Stop'

$schoolgate4 = '10.1.0.53'
$schoolgate6 = '2001:db8:1::53'

# VLAN scopes. With deploy/samples/split-view.toml give Staff its own Dns4 = '10.1.0.54' and Dns6 = '2001:db8:1::54'.
$vlans = @(
    @{ Name = 'Staff';  Scope4 = '10.1.10.0'; Router = '10.1.10.1'; Prefix6 = '2001:db8:1:10::'; Domain = 'school.example.org' }
    @{ Name = 'Pupils'; Scope4 = '10.1.20.0'; Router = '10.1.20.1'; Prefix6 = '2001:db8:1:20::'; Domain = 'school.example.org' }
    @{ Name = 'Guests'; Scope4 = '10.1.30.0'; Router = '10.1.30.1'; Prefix6 = '2001:db8:1:30::'; Domain = $null }
)

# For every scope that does not say otherwise, also one that somebody adds next year. -Force skips the test that the address
# answers DNS, so that this can be run before schoolgate is up. Option 6 (v4) and 23 (v6).
Set-DhcpServerv4OptionValue -DnsServer $schoolgate4 -Force
Set-DhcpServerv6OptionValue -DnsServer $schoolgate6 -Force

foreach ($vlan in $vlans) {
    $dns4 = if ($vlan.Dns4) { $vlan.Dns4 } else { $schoolgate4 }
    $dns6 = if ($vlan.Dns6) { $vlan.Dns6 } else { $schoolgate6 }
    Set-DhcpServerv4OptionValue -ScopeId $vlan.Scope4 -DnsServer $dns4 -Router $vlan.Router -Force
    Set-DhcpServerv6OptionValue -Prefix $vlan.Prefix6 -DnsServer $dns6 -Force
    if ($vlan.Domain) {
        # Option 15 (v4) and 24 (v6). Windows clients in the domain get their search list by Group Policy.
        Set-DhcpServerv4OptionValue -ScopeId $vlan.Scope4 -DnsDomain $vlan.Domain
        Set-DhcpServerv6OptionValue -Prefix $vlan.Prefix6 -DomainSearchList $vlan.Domain
    }
    # The DHCP server enters names into Active Directory's DNS: a client's own update on port 53 would end at schoolgate,
    # which takes none (deploy/firewall/nftables.conf).
    Set-DhcpServerv4DnsSetting -ScopeId $vlan.Scope4 -DynamicUpdates Always -DeleteDnsRROnLeaseExpiry $true
}

# What is handed out now. Each line must show schoolgate and nothing else.
foreach ($vlan in $vlans) {
    $given4 = (Get-DhcpServerv4OptionValue -ScopeId $vlan.Scope4 -OptionId 6).Value
    $given6 = (Get-DhcpServerv6OptionValue -Prefix $vlan.Prefix6 -OptionId 23).Value
    Write-Output "$($vlan.Name): $given4 $given6"
}

# A reservation can carry its own option 6, and it wins over the scope. Find such ones:
foreach ($vlan in $vlans) {
    Get-DhcpServerv4Reservation -ScopeId $vlan.Scope4 | ForEach-Object {
        Get-DhcpServerv4OptionValue -ReservedIP $_.IPAddress -OptionId 6 -ErrorAction SilentlyContinue
    }
}

# Router advertisements come from the router, not from this server: set its RDNSS to $schoolgate6, or leave RDNSS off. Android
# hears v6 DNS servers from there only.
