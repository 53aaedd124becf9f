"""The real server, which looks at the policy's files five times a second instead of each minute."""

from __future__ import annotations

from schoolgate.__main__ import main
from schoolgate.server import service

if __name__ == "__main__":
    vars(service)["COMPARE_POLICY_EVERY_S"] = 0.2
    main()
