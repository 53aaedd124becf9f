"""The lists against which evidence is shown: what the standards and definitions ask for, in our words.

Source: the Department for Education's filtering and monitoring standards, and the UK Safer Internet Centre's
definitions of appropriate filtering and monitoring. What no DNS filter can do is named as such, never left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from schoolgate.evidence import measures as by
from schoolgate.evidence.measures import Item

DFE: Mapping[str, tuple[Item, ...]] = {
    "1. People answer for filtering and monitoring": (
        Item(
            "A governor, a senior leader, the safeguarding lead, IT and data protection are named",
            ("registers",),
            by.posts_filled,
        ),
        Item("Staff are trained, and again when it is due", ("registers",), by.training),
        Item("Suppliers, contracts and licences are known", ("registers",), by.suppliers),
        Item("Each who decides has an account with a second factor", ("accounts",), by.accounts),
    ),
    "2. It is reviewed at least once a year": (
        Item("A review is signed, and the next is not overdue", ("review",), by.review),
        Item("Gaps have actions with an owner and a date", ("actions",), by.actions),
        Item("Each decision has a reason, an owner and a review date", ("decisions",), by.decisions),
        Item("Each change of the set-up is recorded with name and reason", ("revisions",), by.changes),
        Item(
            "Checks are recorded: when, who, what was tested, what followed",
            ("kinds",),
            by.recorded("check", "Recorded checks"),
        ),
        Item(
            "What is opened was asked for and decided, on record",
            ("kinds",),
            by.recorded("change_request", "Recorded requests"),
        ),
        Item("Risks are known and looked at again", ("registers",), by.risks),
    ),
    "3. Harmful content is blocked, and teaching is not hindered": (
        Item("The filter runs, and its log is whole", ("status",), by.serving),
        Item("All users and devices are filtered, guests and unknown devices too", ("segments",), by.networks),
        Item("Illegal content: lists of IWF and CTIRU are in use and new", ("sealed_counts",), by.sealed),
        Item("Lists are kept up to date", ("status",), by.lists),
        Item(
            "Harmful content is closed",
            ("policy", "segments", "status"),
            by.closed("pornography", "self-harm", "extremism", "violence", "gambling", "drugs", "hate"),
        ),
        Item("Ways around the filter are closed", ("policy", "segments", "status"), by.circumvention),
        Item("Search engines are in their safe mode", ("checks",), by.safe_search),
        Item("What must be open is open: the measured rate of over-blocking", ("checks",), by.over_blocking),
        Item("Policies fit age and need", ("segments",), by.ages),
        Item("Exceptions have a reason and an end", ("exceptions",), by.exceptions),
        Item(
            "Pages, words and pictures are examined",
            outside="DNS sees names only: supervision and software on devices do this.",
        ),
    ),
    "4. Monitoring meets the needs of safeguarding": (
        Item("What devices ask for is watched all the time", ("status",), by.watching),
        Item("Alerts reach a person and are looked at within a day", ("alerts", "alerts_open"), by.alerts),
        Item("The rate of false alarms is measured", ("alerts",), by.false_alarms),
        Item("Concerns are recorded with what became of them", ("kinds",), by.recorded("case", "Recorded cases")),
        Item("The log can be searched later", ("log",), by.log_kept),
        Item("What was asked and blocked is reported", ("blocked",), by.blocked),
        Item(
            "Log-ons to devices are known",
            outside="Held by the directory and the devices; here a device is known by its address.",
        ),
        Item(
            "What is typed and seen on a screen is watched",
            outside="Not by DNS: software on devices, and staff, do this.",
        ),
    ),
    "Running it": (
        Item("Personal data is kept no longer than needed", ("retention",), by.retention),
        Item("Who looked at a person's data is on record", ("audit",), by.reveals),
        Item("Backups are restored as a test", ("status",), by.backups),
        Item("Rules of use are published and accepted", ("registers",), by.notices),
    ),
}

_POLICY = ("policy", "segments", "status")
UKSIC: Mapping[str, tuple[Item, ...]] = {
    "Illegal content": (Item("Lists of child sexual abuse material and terrorism", ("sealed_counts",), by.sealed),),
    "Content that is not for pupils": (
        Item("Gambling", _POLICY, by.closed("gambling")),
        Item("Hate speech and discrimination", _POLICY, by.closed("hate", "discrimination")),
        Item("Drugs, alcohol and vaping", _POLICY, by.closed("drugs", "alcohol-vaping")),
        Item("Extremism and terrorism", _POLICY, by.closed("extremism")),
        Item("Harmful software and hacking", _POLICY, by.closed("malware", "phishing", "hacking")),
        Item("Misinformation and conspiracy", _POLICY, by.closed("misinformation")),
        Item("Pornography and adult content", _POLICY, by.closed("pornography", "adult")),
        Item("Intimate images made or shared without consent", _POLICY, by.closed("nudify")),
        Item("Piracy", _POLICY, by.closed("piracy")),
        Item("Self-harm, suicide and eating disorders", _POLICY, by.closed("self-harm", "eating-disorders")),
        Item("Violence and weapons", _POLICY, by.closed("violence", "weapons")),
        Item("Artificial intelligence: companions and undressing tools", _POLICY, by.closed("ai-companion", "nudify")),
    ),
    "How the filter works": (
        Item("By age and role", ("segments",), by.ages),
        Item("Ways around it are found and closed", _POLICY, by.circumvention),
        Item("The school controls it: each change has a name and a reason", ("revisions",), by.changes),
        Item("Its reasons are written down", ("decisions",), by.decisions),
        Item("On the network, without software on devices", ("segments",), by.networks),
        Item(
            "Apps: by the names that they ask for",
            outside="An app with addresses built in, or its own encrypted DNS, is the firewall's work.",
        ),
        Item(
            "Other languages",
            outside="Names are names in every language; the lists in use decide which of them are known.",
        ),
        Item(
            "Devices away from school",
            outside="Only those that use this filter from outside; software on devices does the rest.",
        ),
        Item("It is reported on", ("blocked",), by.blocked),
        Item("Over-blocking is measured", ("checks",), by.over_blocking),
        Item("Safe modes of search engines", ("checks",), by.safe_search),
    ),
    "How monitoring works": (
        Item("Alerts by urgency reach a person", ("alerts", "alerts_open"), by.alerts),
        Item("Personal devices and guests", ("segments",), by.networks),
        Item("Data is kept for a stated time", ("retention",), by.retention),
        Item("Its effect is measured", ("alerts",), by.false_alarms),
        Item("Harmful images", outside="Not by DNS."),
    ),
}
