"""What a draft policy, or new lists, would close and open of what was asked for lately."""
