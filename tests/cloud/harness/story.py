"""The demo's story, through API Gateway: register here, log in there, two companies, a disabled user."""

import time

from .deployment import Deployment, Region
from .people import People, Person
from .progress import Failed

SOKO, SAFARI = "soko", "safari"


class Story:
    """The story, with its people."""

    def __init__(self, deployment: Deployment, people: People) -> None:
        self.deployment, self.people = deployment, people
        self.progress = deployment.progress

    def register(self, region: Region, who: str, given_name: str) -> Person:
        """Registers a new person in a region."""
        person = self.people.new(given_name)
        answer = self.deployment.call(region, who, "register", person.registration(), 201)
        person.id, person.version = answer.body["user"]["id"], answer.body["user"]["version"]
        return person

    def logs_in(self, region: Region, who: str, person: Person, password: str | None = None) -> bool:
        """Whether a password is accepted."""
        answer = self.deployment.call(region, who, "authenticate", person.login(password), 200)
        return answer.body["authenticated"]

    def everywhere(self, here: Region, others: list[Region]) -> Person:
        """One account everywhere."""
        d, check = self.deployment, self.progress.check
        begin = time.monotonic()
        amina = self.register(here, SOKO, "Amina")
        check(True, f"soko registers Amina in {here.name} ({time.monotonic() - begin:.2f} s)")
        for there in others:
            begin = time.monotonic()
            answer = d.readable(there, SAFARI, amina.id, amina.version)
            check(answer.body["user"]["email"] == amina.email,
                  f"{there.name} knows her {time.monotonic() - begin:.2f} s after the answer")
            check(self.logs_in(there, SAFARI, amina), f"safari authenticates her in {there.name} with her password")
            check(not self.logs_in(there, SAFARI, amina, "not her password"),
                  f"a wrong password is rejected in {there.name}")
        there = others[-1]
        body = {"id": amina.id, "set": {"profile": {"nickname": self.people.secret("Mina")}}}
        amina.version = d.call(there, SAFARI, "update", body, 200).body["user"]["version"]
        answer = d.readable(here, SOKO, amina.id, amina.version)
        check(answer.body["user"]["profile"]["nickname"] == body["set"]["profile"]["nickname"],
              f"safari's change in {there.name} is read in {here.name}")
        self.changes_password(amina, here, there)
        return amina

    def changes_password(self, person: Person, here: Region, there: Region) -> None:
        """The new password is accepted, and the old one is rejected."""
        d, old = self.deployment, person.password
        new = self.people.secret("a new password")
        body = {"id": person.id, "current_password": old, "new_password": new}
        answer = d.call(here, SOKO, "password/change", body, 200)
        person.password = new
        self.progress.check(answer.body["changed"], f"a password is changed in {here.name}")
        person.version = answer.body["version"]
        d.readable(there, SAFARI, person.id, person.version)
        self.progress.check(
            self.logs_in(there, SAFARI, person) and not self.logs_in(there, SAFARI, person, old),
            f"{there.name} accepts the new password and rejects the old one",
        )

    def callers(self, here: Region, there: Region) -> None:
        """Invalid requests are rejected, and retries are not done twice."""
        d, check = self.deployment, self.progress.check
        soko = d.companies[SOKO]
        path = "/v1/users/lookup"
        token, _ = soko.sign(here.gateway, path, {"username": "unknown"})
        first, again = (soko.send(here.gateway, path, token)[0] for _ in range(2))
        check((first, again) == (404, 409), "a request that is sent twice is done once: 404, then 409")
        token, _ = soko.sign(here.gateway, path, {"username": "unknown"})
        check(soko.send(there.gateway, path, token)[0] == 401, f"a token for {here.name} is rejected in {there.name}")
        status, media_type, _ = here.gateway.request("POST", path, token, {"Content-Type": "application/jwt"})
        check(status == 401 and media_type.startswith("application/problem+json"), "without its API key neither")
        status, _, _ = here.gateway.request("POST", path, token + "x" * 300_000, {"Content-Type": "application/jwt"})
        check(status == 413, "a too large request is rejected: 413")
        status, _, text = here.gateway.request("GET", "/.well-known/umoja.json")
        check(status == 200 and there.gateway.base_url in text, f"{here.name} lists the URL of {there.name}")
        body, idempotency_key = self.people.new("Farida").registration(), "farida-1"
        created = d.call(here, SOKO, "register", body, 201, idempotency_key=idempotency_key)
        same = d.call(here, SOKO, "register", body, 201, idempotency_key=idempotency_key)
        check(created.body["user"]["id"] == same.body["user"]["id"], "a retry with the same idempotency key: same user")
        user = created.body["user"]
        d.readable(there, SOKO, user["id"], user["version"])
        same = d.call(there, SOKO, "register", body, 201, idempotency_key=idempotency_key)
        check(user["id"] == same.body["user"]["id"], f"and in {there.name} too")

    def two_companies(self, here: Region, there: Region) -> Person:
        """One person, two companies."""
        d, check = self.deployment, self.progress.check
        baraka = self.register(here, SOKO, "Baraka")
        d.readable(there, SAFARI, baraka.id, baraka.version)
        mine = {"email": baraka.email, "external_id": f"traveller-{baraka.id}", "profile": {"locale": "en-KE"}}
        answer = d.call(there, SAFARI, "register", mine | {"email_verified": False}, 409)
        check(answer.code == "identifier_taken", "safari registers his address unverified: taken")
        answer = d.call(there, SAFARI, "register", mine | {"email_verified": True}, 200)
        check(answer.body["outcome"] == "matched" and answer.body["user"]["id"] == baraka.id,
              "safari registers his address, verified: matched, the same user")
        baraka.version = answer.body["user"]["version"]
        accounts = d.readable(here, SOKO, baraka.id, baraka.version).body["user"]["accounts"]
        check(set(accounts) == {SOKO, SAFARI}, f"soko sees in {here.name} that both know him")
        check(not self.logs_in(there, SAFARI, baraka, "safari's own idea"), "safari cannot log him in without him")
        return baraka

    def disabled(self, person: Person, here: Region, there: Region) -> None:
        """A disabled user."""
        d = self.deployment
        for status, may in (("disabled", False), ("active", True)):
            body = {"id": person.id, "status": status, "reason": self.people.secret("because")}
            answer = d.call(here, SOKO, "status", body, 200)
            if answer.body["user"]["status"] != status:
                raise Failed(f"the status is not {status}")
            self.progress.until(f"{there.name} agrees",
                                lambda may=may: self.logs_in(there, SAFARI, person) == may)
            does = "lets him in again" if may else "does not let him in, with the right password"
            self.progress.check(True, f"{status} in {here.name}: {there.name} {does}")

    def erased(self, person: Person, here: Region, there: Region) -> None:
        """Erasure, with receipts."""
        d, check = self.deployment, self.progress.check
        reason = self.people.secret("she asked")
        d.call(here, SOKO, "erase", {"id": person.id, "reason": reason}, 202)
        names = {region.name for region in d.regions}

        def confirmed() -> set[str] | None:
            receipt = d.ask(there, SOKO, "erasure", {"id": person.id}).body.get("receipt", {})
            return set(receipt["regions"]) if receipt.get("complete") else None

        begin = time.monotonic()
        found = self.progress.until("every region confirms the erasure", confirmed)
        check(found == names, f"erased in {here.name}: {time.monotonic() - begin:.1f} s later the receipt in "
              f"{there.name} has the confirmation of {', '.join(sorted(names))}")
        for region in d.regions:
            for body in ({"id": person.id}, {"email": person.email}):
                d.call(region, SAFARI, "lookup", body, 404)
        check(True, "no region finds her, by id or by address")
