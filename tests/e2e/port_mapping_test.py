#!/usr/bin/env python3
"""A node behind a home's router is dialled once the router was asked: real routers (miniupnpd)."""

import sys

import harness
import home_router
import nat_lab
from machines import Machine, SwarmTest

PORT = 7070
# miniupnpd gives nothing where the outer address is of a test network: this one is nobody's there.
PUBLIC_NET = "45.0.0"


class PortMapping(SwarmTest):
    def setUp(self):
        super().setUp()
        nat_lab.PUBLIC_NET = PUBLIC_NET
        self.lab = nat_lab.NatLab(public=1, homes=3)
        self.addCleanup(self.lab.close)
        self.machines = [
            Machine(self, f"m{i}", lambda words, machine=machine: self.lab.command(machine, words))
            for i, machine in enumerate(self.lab.machines)]
        spaces = [space for space in self.lab.spaces if "r" in space[2:]]
        self.routers = [
            home_router.HomeRouter(spaces[0], self.folder, 0, nat_pmp=True, upnp=False),
            home_router.HomeRouter(spaces[1], self.folder, 1, nat_pmp=False, upnp=True)]
        for router in self.routers:
            self.addCleanup(router.close)
            harness.wait_until(router.is_ready, 10, "a router")

    def tearDown(self):
        for machine in self.machines:
            if machine.process is not None and machine.process.poll() is None:
                machine.kill()
        super().tearDown()

    @staticmethod
    def own(status):
        return next(m for m in status["members"] if m["node"] == status["node"])

    def test_each_way_of_asking_opens_the_port_and_the_end_closes_it(self):
        owner, by_pmp, by_upnp, alone = self.machines
        address = f"{self.lab.machines[0][1]}:{PORT}"
        owner.join("mine", "--announce", address, listen=f"0.0.0.0:{PORT}")
        owner.wait_for(lambda s: s["members"], 30, "the owner's node")
        self.assertIn("announce", owner.status()["port_mapping"])
        run = owner.brigade("invite", "--swarm", "mine", "--uses", 3)
        self.assert_ended(run, 0)
        for guest in (by_pmp, by_upnp, alone):
            guest.join(run.out.strip(), listen=f"0.0.0.0:{PORT}")
        for i, (guest, way) in enumerate(((by_pmp, "NAT-PMP"), (by_upnp, "UPnP"))):
            outer = f"{PUBLIC_NET}.{101 + i}"
            seen = guest.wait_for(lambda s: s["members"] and self.own(s)["can_be_dialled"], 60,
                                  f"a member that dials it, by {way}")
            self.assertEqual(seen["port_mapping"], f"port {PORT} of {outer} by {way}")
            self.assertEqual(self.own(seen)["address"], f"{outer}:{PORT}")
            self.assertEqual(len(self.routers[i].forwards()), 2)  # links, and the DHT
        owner.wait_for(lambda s: sum(m["can_be_dialled"] for m in s["members"]) == 3, 30,
                       "two homes that can be dialled")
        why = alone.wait_for(lambda s: s["port_mapping"].startswith("none"), 30,
                             "why there is no port")
        self.assertIn("NAT-PMP: the router does not answer", why["port_mapping"])
        self.assertIn("UPnP: no router answers", why["port_mapping"])
        self.assertFalse(self.own(why)["can_be_dialled"])
        for i, guest in enumerate((by_pmp, by_upnp)):
            self.assertEqual(guest.stop(), 0)
            self.assertEqual(self.routers[i].forwards(), [])


if __name__ == "__main__":
    if not nat_lab.can_run() or home_router.missing():
        print("SKIPPED: needs root, ip, iptables, miniupnpd and nft "
              f"(not here: {' '.join(home_router.missing()) or 'none of the last two'})",
              file=sys.stderr)
        sys.exit(77)
    harness.main()
