"""Users appear in a foreign system, and events at a webhook: from any region, through an outage, until an erasure."""

import json
import time

from .deployment import Region
from .progress import Failed
from .remote import Receiver, scim2_server, scimmy
from .story import SOKO, Story
from .system import System

TARGET, SECOND, WEBHOOK = "soko-crm", "soko-desk", "soko-hook"


class Fed:
    """A target and a webhook of one company, whose home is a region, and a second target, whose home is another one."""

    def __init__(self, system: System, story: Story, here: Region, there: Region) -> None:
        self.system, self.story, self.here, self.there = system, story, here, there
        self.d, self.progress = story.deployment, story.progress
        self.place = ("--prefix", self.d.prefix, "--region", here.name)
        self.scim, self.second, self.receiver = scim2_server(system), scimmy(system), Receiver()

    def operator(self, *arguments: str, codes=(0,)) -> str:
        """An operator's command."""
        return self.system.operator(*arguments, *self.place, codes=codes)

    def add(self) -> None:
        """The operator adds them."""
        issued = self.system.directory / "hook.json"
        for name, server, home in ((TARGET, self.scim, self.here), (SECOND, self.second, self.there)):
            token = self.system.directory / f"{name}.token"
            token.write_text(server.token)
            self.operator("target", "add", name, "--company", SOKO, "--kind", "scim", "--url", server.url,
                          "--token-file", str(token), "--home", home.name, "--outbound-loopback")
        self.operator("webhook", "add", WEBHOOK, "--company", SOKO, "--url", self.receiver.url, "--home", self.here.name,
                      "--out", str(issued), "--outbound-loopback")
        self.receiver.secret = json.loads(issued.read_text())["secret"]
        self.operator("webhook", "test", WEBHOOK)
        self.progress.check(self.receiver.forged == 0 and len(self.receiver.events) == 1,
                            f"umoja target add and webhook add, with --prefix; {self.here.name} is their home, that of a "
                            f"second target {self.there.name}; webhook test is accepted")

    def account(self, user: str) -> dict | None:
        """The account of a user at the target."""
        return self.scim.accounts().get(user)

    def waiting(self) -> int:
        """How many accounts have to be brought up to date."""
        status = json.loads(self.operator("status", "--fast", "--json", codes=(0, 1)))
        return next((target["waiting"] for target in status["targets"] if target["id"] == TARGET), 0)

    def appears(self, user: str) -> dict:
        """Waits for the account of a user."""
        return self.progress.until("the account is at the target", lambda: self.account(user), pause=0.1)

    def appears_at_second(self, user: str) -> dict:
        """Waits for the account of a user at the second target."""
        return self.progress.until(f"the account is at {self.second.name}", lambda: self.second.accounts().get(user),
                                   pause=0.1)

    def reports(self, kind: str, user: str) -> None:
        """Waits for an event at the webhook."""
        self.progress.until(f"the webhook gets `{kind}`", lambda: self.receiver.has(kind, user), pause=0.1)

    def listed(self) -> dict:
        """The target, as `umoja target list` has it."""
        found = json.loads(self.operator("target", "list", "--json"))
        return next(target for target in found["targets"] if target["id"] == TARGET)


def provisioned(system: System, story: Story, here: Region, there: Region) -> None:
    """Plays the chapter. The home of the target and the webhook is `here`."""
    fed = Fed(system, story, here, there)
    try:
        fed.add()
        before(fed, there)
        amina = from_elsewhere(fed, there)
        changed(fed, amina, here, there)
        on_time(fed, here, there)
        taken_away(fed, here, there)
        by_hand(fed, amina)
        erased(fed, amina, there)
        story.progress.check(fed.receiver.forged == 0, f"every message to the webhook was signed by its secret: "
                             f"{len(fed.receiver.events)} events in {fed.receiver.calls} calls")
        fed.operator("webhook", "pause", WEBHOOK)
        fed.operator("webhook", "remove", WEBHOOK)
        # A later erasure waits for every target that may have an account.
        for name, server in ((TARGET, fed.scim), (SECOND, fed.second)):
            fed.operator("target", "pause", name)
            fed.operator("target", "remove", name, "--accounts", "delete", "--yes")
            fed.progress.until(f"no account is left at {server.name}", lambda server=server: not server.accounts(), pause=0.5)
        fed.progress.until("nothing is due at the target", lambda: fed.waiting() == 0, pause=0.5)
        story.progress.check(True, "umoja webhook pause and remove; target pause and remove: every account is deleted")
    finally:
        fed.scim.end()
        fed.second.end()
        fed.receiver.end()


def before(fed: Fed, there: Region) -> None:
    """Who was there before the target."""
    person = fed.story.register(there, SOKO, "Wanjiru")
    fed.d.readable(fed.here, SOKO, person.id, person.version)
    said = fed.operator("target", "plan", TARGET)
    rung = json.loads(fed.operator("target", "provision", TARGET, "--all", "--json"))["rung"]
    fed.progress.check("create" in said or fed.account(person.id) is not None,
                       "umoja target plan shows what would be made")
    fed.appears(person.id)
    # Some of the users have no account: they are merged, or a stranger has their address.
    fed.progress.until("nothing is due at the target", lambda: fed.waiting() == 0, pause=0.5)
    fed.progress.check(len(fed.scim.accounts()) >= 1,
                       f"umoja target provision --all: {rung} users looked at, {len(fed.scim.accounts())} at the target")


def from_elsewhere(fed: Fed, there: Region):
    """A user of another region appears where the home is."""
    begin = time.monotonic()
    amina = fed.story.register(there, SOKO, "Achieng")
    account = fed.appears(amina.id)
    took = time.monotonic() - begin
    fed.progress.check(account["active"] is True and account["externalId"] == amina.id,
                       f"a user registered in {there.name} is at the target of {fed.here.name} {took:.1f} s later")
    fed.progress.figure(f"registration in a peer to an account at a target: {took:.1f} s")
    fed.reports("registered", amina.id)
    fed.progress.check(True, f"and the webhook got `registered`, {time.monotonic() - begin:.1f} s after it")
    account = fed.appears_at_second(amina.id)
    fed.progress.check(account["active"] is True, f"and at {fed.second.name}, of another home")
    return amina


def changed(fed: Fed, amina, here: Region, there: Region) -> None:
    """Changes, from both regions."""
    for region, name in ((here, "Adhiambo"), (there, "Atieno")):
        body = {"id": amina.id, "set": {"profile": {"given_name": name}}}
        begin = time.monotonic()
        fed.d.call(region, SOKO, "update", body, 200)
        fed.progress.until("the target has the change",
                           lambda name=name: fed.account(amina.id)["name"]["givenName"] == name, pause=0.1)
        fed.progress.check(True, f"a change in {region.name} is at the target {time.monotonic() - begin:.1f} s later")
    for status, active in (("disabled", False), ("active", True)):
        fed.d.call(there, SOKO, "status", {"id": amina.id, "status": status}, 200)
        fed.progress.until("the account is as the user", lambda active=active: fed.account(amina.id)["active"] is active,
                           pause=0.1)
        fed.reports("disabled" if status == "disabled" else "enabled", amina.id)
    fed.progress.check(True, f"disabled and enabled in {there.name}: so is the account, and the webhook knows both")


def on_time(fed: Fed, here: Region, there: Region) -> None:
    """A registration asks for the account at once, and its ticket shows the account's id at the target."""
    for region in (here, there):
        person = fed.story.people.new("Zawadi")
        begin = time.monotonic()
        body = person.registration() | {"provision": [TARGET], "wait_ms": 10_000}
        answer = fed.d.call(region, SOKO, "register", body, 201).body
        person.id, said = answer["user"]["id"], answer["provisioning"]

        def look(region=region, ticket=said["ticket"], first=said) -> dict | None:
            found = first["accounts"][0]
            if found["state"] != "done":
                asked = {"ticket": ticket, "wait_ms": 5_000}
                found = fed.d.call(region, SOKO, "provisioning", asked, 200).body["accounts"][0]
            return found if found["state"] == "done" else None

        found = fed.progress.until("the account is done", look, pause=0.2)
        took = time.monotonic() - begin
        account = fed.account(person.id)
        fed.progress.check(account is not None and account["id"] == found["remote_id"],
                           f"a registration in {region.name} that asks for the account has its id at the target {took:.1f} s later")
        fed.progress.figure(f"registration with `provision` in {region.name} to the id at the target: {took:.1f} s")


def taken_away(fed: Fed, here: Region, there: Region) -> None:
    """The target is out, and comes back. The other target and the webhook do not wait for it."""
    fed.scim.door.shut()
    people = [fed.story.register(region, SOKO, "Mumbua") for region in (here, there)]
    for person in people:
        fed.reports("registered", person.id)
    fed.progress.until("the failure is known", lambda: "unavailable" in json.dumps(fed.listed()), pause=0.5)
    fed.progress.check(all(fed.account(person.id) is None for person in people),
                       "the target is taken away: umoja target list says why, and the webhook gets events all the same")
    for person in people:
        fed.appears_at_second(person.id)
    fed.progress.check(True, f"and both users are at {fed.second.name} meanwhile")
    fed.receiver.rejects = True
    body = {"id": people[0].id, "set": {"profile": {"given_name": "Mwende"}}}
    fed.d.call(there, SOKO, "update", body, 200)
    calls = fed.receiver.calls
    fed.progress.until("the webhook rejects", lambda: fed.receiver.calls > calls, pause=0.1)
    fed.receiver.rejects = False
    fed.scim.door.open()
    begin = time.monotonic()
    for person in people:
        fed.appears(person.id)
    fed.progress.until("it is the present state", lambda: fed.account(people[0].id)["name"]["givenName"] == "Mwende",
                       pause=0.1)
    fed.progress.check(True, f"given back: both users are there {time.monotonic() - begin:.0f} s later, each once and as "
                       "it is now")
    fed.reports("profile_changed", people[0].id)
    fed.progress.check(True, "and the webhook got the event that it had rejected")
    fed.progress.until("nothing is due", lambda: not fed.d.items(here.name, "due"), pause=0.5)


def by_hand(fed: Fed, amina) -> None:
    """What an administrator changed at the target."""
    fed.scim.change_by_hand(amina.id, "By hand")
    said = json.loads(fed.operator("target", "drift", TARGET, "--repair", "--outbound-loopback", "--json"))
    found = [one["user"] for one in said["drift"]["drifted"]]
    fed.progress.check(found == [amina.id], "umoja target drift finds what was changed at the target by hand")
    fed.progress.until("it is repaired", lambda: fed.account(amina.id)["name"]["givenName"] == "Atieno", pause=0.1)
    fed.progress.check(True, "and `deliver` repairs it")
    said = fed.operator("target", "provision", TARGET, amina.id, "--outbound-loopback")
    fed.progress.check("active" in said, "umoja target provision, for one user")


def erased(fed: Fed, amina, there: Region) -> None:
    """An erasure deletes the account, and the receipt is complete when it has."""
    begin = time.monotonic()
    fed.d.call(there, SOKO, "erase", {"id": amina.id}, 202)

    def complete() -> dict | None:
        receipt = fed.d.ask(there, SOKO, "erasure", {"id": amina.id}).body.get("receipt", {})
        return receipt if receipt.get("complete") else None

    receipt = fed.progress.until("the receipt is complete", complete)
    fed.reports("erased", amina.id)
    if fed.account(amina.id) is not None or amina.id in fed.second.accounts():
        raise Failed("the receipt is complete, and an account is still at a target")
    confirmed = all(name in json.dumps(receipt) for name in (TARGET, SECOND))
    fed.progress.check(confirmed, f"erased in {there.name}: {time.monotonic() - begin:.1f} s later both "
                       "accounts are deleted, and the receipt has the confirmation of both targets")
