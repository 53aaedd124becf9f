"""schoolgate.toml: the settings of the service itself. What is denied to whom is a policy, not a setting."""

from schoolgate.config.addresses import SocketAddress
from schoolgate.config.load import config_label, load, parse, read_text
from schoolgate.config.loopback import on_this_machine
from schoolgate.config.problems import ConfigInvalid, InputRefused, Problem
from schoolgate.config.sample import sample
from schoolgate.config.settings import Settings, changes
from schoolgate.config.shipped import shipped_lists
from schoolgate.config.system_resolvers import system_resolvers, with_system
from schoolgate.config.webhooks import Webhook

__all__ = [
    "ConfigInvalid",
    "InputRefused",
    "Problem",
    "Settings",
    "SocketAddress",
    "Webhook",
    "changes",
    "config_label",
    "load",
    "on_this_machine",
    "parse",
    "read_text",
    "sample",
    "shipped_lists",
    "system_resolvers",
    "with_system",
]
