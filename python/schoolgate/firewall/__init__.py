"""What a school's firewall has to refuse so that devices ask schoolgate, as rules of the common firewalls."""

from schoolgate.firewall.formats import Format, exported
from schoolgate.firewall.resolvers import AddressesUnreadable, read_resolvers
from schoolgate.firewall.rule_set import Place, PlaceUnclear, place_of

__all__ = ["AddressesUnreadable", "Format", "Place", "PlaceUnclear", "exported", "place_of", "read_resolvers"]
