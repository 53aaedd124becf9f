"""What a school hands to its devices and its other servers, written from the settings: profiles, policies, options.

A file names addresses that devices can reach, or it is not written: a wrong one takes a whole school off the network.
"""
