"""The lists against which evidence is shown: what the standards and definitions ask for, in our words.

Source: the Department for Education's filtering and monitoring standards, and the UK Safer Internet Centre's
definitions of appropriate filtering and monitoring. What no DNS filter can do is named as such, never left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from schoolgate.evidence import measures as by
from schoolgate.evidence.measures import Item
from schoolgate.evidence.sources import needed_by

DFE: Mapping[str, tuple[Item, ...]] = {
    "1. People answer for filtering and monitoring": (
        Item(
            "A governor, a senior leader, the safeguarding lead, IT and data protection are named",
            by.posts_filled,
        ),
        Item("Staff are trained, and again when it is due", by.training),
        Item("Suppliers, contracts and licences are known", by.suppliers),
        Item("Each who decides has an account with a second factor", by.accounts),
    ),
    "2. It is reviewed at least once a year": (
        Item("A review is signed, and the next is not overdue", by.review),
        Item("Gaps have actions with an owner and a date", by.actions),
        Item("Each decision has a reason, an owner and a review date", by.decisions),
        Item("Each change of the set-up is recorded with name and reason", by.changes),
        Item(
            "Checks are recorded: when, who, what was tested, what followed",
            by.recorded("check", "Recorded checks"),
        ),
        Item(
            "What is opened was asked for and decided, on record",
            by.recorded("change_request", "Recorded requests"),
        ),
        Item("Risks are known and looked at again", by.risks),
    ),
    "3. Harmful content is blocked, and teaching is not hindered": (
        Item("The filter runs, and its log is whole", by.serving),
        Item("All users and devices are filtered, guests and unknown devices too", by.networks),
        Item("Illegal content: lists of IWF and CTIRU are in use and new", by.sealed),
        Item("Lists are kept up to date", by.lists),
        Item(
            "Harmful content is closed",
            by.closed("pornography", "self-harm", "extremism", "violence", "gambling", "drugs", "hate"),
        ),
        Item("Ways around the filter are closed", by.circumvention),
        Item("Search engines are in their safe mode", by.safe_search),
        Item("What must be open is open: the measured rate of over-blocking", by.over_blocking),
        Item("Policies fit age and need", by.ages),
        Item("Exceptions have a reason and an end", by.exceptions),
        Item("Who opens sites is as the trust wants it", by.openings),
        Item(
            "Pages, words and pictures are examined",
            outside="DNS sees names only: supervision and software on devices do this.",
        ),
    ),
    "4. Monitoring meets the needs of safeguarding": (
        Item("What devices ask for is watched all the time", by.watching),
        Item("Alerts reach a person and are looked at within a day", by.alerts),
        Item("The rate of false alarms is measured", by.false_alarms),
        Item("Concerns are recorded with what became of them", by.recorded("case", "Recorded cases")),
        Item("The log can be searched later", by.log_kept),
        Item("What was asked and blocked is reported", by.blocked),
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
        Item("Personal data is kept no longer than needed", by.retention),
        Item("Who looked at a person's data is on record", by.reveals),
        Item("Backups are restored as a test", by.backups),
        Item("Rules of use are published and accepted", by.notices),
    ),
}

UKSIC: Mapping[str, tuple[Item, ...]] = {
    "Illegal content": (Item("Lists of child sexual abuse material and terrorism", by.sealed),),
    "Content that is not for pupils": (
        Item("Gambling", by.closed("gambling")),
        Item("Hate speech and discrimination", by.closed("hate", "discrimination")),
        Item("Drugs, alcohol and vaping", by.closed("drugs", "alcohol-vaping")),
        Item("Extremism and terrorism", by.closed("extremism")),
        Item("Harmful software and hacking", by.closed("malware", "phishing", "hacking")),
        Item("Misinformation and conspiracy", by.closed("misinformation")),
        Item("Pornography and adult content", by.closed("pornography", "adult")),
        Item("Intimate images made or shared without consent", by.closed("nudify")),
        Item("Piracy", by.closed("piracy")),
        Item("Self-harm, suicide and eating disorders", by.closed("self-harm", "eating-disorders")),
        Item("Violence and weapons", by.closed("violence", "weapons")),
        Item("Artificial intelligence: companions and undressing tools", by.closed("ai-companion", "nudify")),
    ),
    "How the filter works": (
        Item("By age and role", by.ages),
        Item("Ways around it are found and closed", by.circumvention),
        Item("The school controls it: each change has a name and a reason", by.changes),
        Item("Its reasons are written down", by.decisions),
        Item("On the network, without software on devices", by.networks),
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
        Item("It is reported on", by.blocked),
        Item("Over-blocking is measured", by.over_blocking),
        Item("Safe modes of search engines", by.safe_search),
    ),
    "How monitoring works": (
        Item("Alerts by urgency reach a person", by.alerts),
        Item("Personal devices and guests", by.networks),
        Item("Data is kept for a stated time", by.retention),
        Item("Its effect is measured", by.false_alarms),
        Item("Harmful images", outside="Not by DNS."),
    ),
}

ITEMS: tuple[Item, ...] = tuple(item for lists in (DFE, UKSIC) for items in lists.values() for item in items)
NEEDED = needed_by(one.measure for one in ITEMS if one.measure is not None)
