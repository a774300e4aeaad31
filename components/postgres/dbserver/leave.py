"""What runs before a member stops: clients find other members, then a primary hands its role over."""

import os
import time

from dbserver.api import Kubernetes
from dbserver.members import Members

SWITCH_S = 20
DRAIN_S = 3
"""Until every node has taken the pod from the Services; a primary that is alone still gets connections."""


def main() -> None:
    """Hand the role of the primary over if a standby can take it; a server that just stops does it slower."""
    time.sleep(DRAIN_S)
    name, cluster = os.environ["POD_NAME"], os.environ["DB_NAME"]
    deadline = time.monotonic() + SWITCH_S
    members = Members(cluster, Kubernetes(), deadline)
    while time.monotonic() < deadline:
        known = members.all()
        leader = next((member for member in known if member.leads), None)
        if leader is None or leader.name != name:
            break
        able = [member for member in known if member.follows]
        synchronous = [member for member in able if member.role == "sync_standby"]
        if not able:
            break
        best = min(synchronous or able, key=lambda member: member.lag)
        try:
            members.switch(name, best.name)
        except (OSError, KeyError) as reason:
            print(reason, flush=True)
            time.sleep(1)


if __name__ == "__main__":
    main()
