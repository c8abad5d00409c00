"""The steps of the functions of a user pool, for the test of their permissions. The triggers are invoked as Cognito
invokes them."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from .deployment import Region
from .feeds import Feeds
from .people import Person
from .pools import CLAIM, Pool, newcomer
from .progress import Failed
from .story import SAFARI, SOKO


class Pooled:
    """Triggers and comparisons whose effects are looked for."""

    def __init__(self, feeds: Feeds, here: Region, there: Region) -> None:
        self.feeds, self.d, self.here, self.there = feeds, feeds.d, here, there
        self.pool: Pool | None = None

    def prepare(self) -> None:
        """Applies the module and adds the source, once."""
        if self.pool is None:
            self.pool = Pool(self.feeds.system, self.feeds.story, self.here)
            self.feeds.add_pool(self.pool.id, self.here)

    def forget(self, function: str) -> None:
        """Forces a cold start of a function."""
        for process in self.d.functions.running():
            if process.function == f"{self.d.prefix}-{function}":
                process.kill()

    @contextmanager
    def without_own_keys(self, function: str) -> Iterator[None]:
        """A function starts while neither the key of data nor the key of proofs of its region answers."""
        kms, outputs = self.d.emulator.client("kms", self.here.name), self.feeds.system.terraform.outputs(self.here.name)
        keys = [outputs["data_key"], outputs["proof_key"]]
        try:
            for key in keys:
                kms.disable_key(KeyId=key)
            self.forget(function)
            yield
        finally:
            for key in keys:
                kms.enable_key(KeyId=key)

    def trigger(self, source: str, sub: str, person: Person, verified: bool = True) -> dict:
        """Invokes a trigger for a user of the pool. Returns the response."""
        event = {
            "version": "2", "userPoolId": self.pool.id, "userName": sub, "triggerSource": source, "response": {},
            "request": {"userAttributes": {
                "sub": sub, "email": person.email, "email_verified": str(verified).lower(), "given_name": person.given_name}},
        }
        answer = self.d.emulator.client("lambda", self.here.name).invoke(
            FunctionName=f"{self.d.prefix}-cognito", Payload=json.dumps(event).encode())
        said = answer["Payload"].read().decode(errors="replace")
        if "FunctionError" in answer:
            raise Failed(f"{source} is rejected: {said[:200]}")
        return json.loads(said)["response"]

    def signs_up(self, person: Person) -> str:
        """A sign-up, its confirmation and a token. Returns the id in the token."""
        sub = str(uuid.uuid4())
        self.trigger("PreSignUp_SignUp", sub, person, verified=False)
        self.trigger("PostConfirmation_ConfirmSignUp", sub, person)
        said = self.trigger("TokenGeneration_Authentication", sub, person)
        found = said["claimsAndScopeOverrideDetails"]["idTokenGeneration"]["claimsToAddOrOverride"][CLAIM]
        self.trigger("PostAuthentication_Authentication", sub, person)
        return found

    # The triggers.

    def signed_up(self) -> None:
        """New people, whom the peer reads. Two open rows of one name are one."""
        self.forget("cognito")
        person = self.feeds.story.people.new("Amani")
        sub = str(uuid.uuid4())
        for _ in range(2):
            self.trigger("PreSignUp_SignUp", sub, person, verified=False)
        found = self.signs_up(person)
        user = self.feeds.known(self.there, SOKO, {"email": person.email})
        if user["id"] != found:
            raise Failed("the token is about another user")

    def squatter(self) -> None:
        """An ownership that was not verified is replaced by that of the confirmed user."""
        person = self.feeds.story.people.new("Kioko")
        body = person.registration(verified=False)
        del body["phone_number"]
        self.d.call(self.here, SAFARI, "register", body, 201)
        self.signs_up(person)
        self.feeds.known(self.here, SOKO, {"email": person.email})

    def matched(self) -> None:
        """A person whom another company knows by the verified address."""
        person = self.feeds.story.register(self.here, SAFARI, "Zawadi")
        if self.signs_up(person) != person.id:
            raise Failed("she is another user")

    def own_key_out(self) -> None:
        """Keys of another region are used."""
        with self.without_own_keys("cognito"):
            self.signs_up(self.feeds.story.people.new("Leila"))

    def known_by_its_id(self) -> None:
        """Two users that the company has registered and merged. One has the id of the pool, and gets the address there."""
        sub, people = str(uuid.uuid4()), self.feeds.story.people
        first = self.feeds.story.register(self.here, SOKO, "Omari")
        body = people.new("Omari").registration(verified=False) | {"external_id": sub}
        other = self.d.call(self.here, SOKO, "register", body, 201).body["user"]["id"]
        self.d.call(self.here, SOKO, "merge", {"survivor": first.id, "duplicate": other}, 200)
        person = people.new("Omari")
        self.trigger("PostConfirmation_ConfirmSignUp", sub, person)
        said = self.trigger("TokenGeneration_Authentication", sub, person)
        if said["claimsAndScopeOverrideDetails"]["idTokenGeneration"]["claimsToAddOrOverride"][CLAIM] != other:
            raise Failed("the token is about another user")

    # The comparison.

    def ghost(self) -> tuple[Person, str]:
        """A confirmed user whom only the pool has."""
        person = newcomer(self.feeds.story, "Pepo")
        sub = self.pool.sign_up(person)
        self.pool.confirm(person)
        return person, sub

    def compared(self) -> None:
        """A ghost is made, matched, suspended and admitted."""
        self.forget("reconcile-sources")
        person, sub = self.ghost()
        self.pool.compared()
        self.feeds.known(self.there, SOKO, {"external_id": sub})
        for act in (self.pool.cognito.admin_disable_user, self.pool.cognito.admin_enable_user):
            act(UserPoolId=self.pool.id, Username=person.email)
            if self.pool.compared()["repaired"] != 1:
                raise Failed("the other standing is not repaired")

    def compared_squatter(self) -> None:
        """An ownership that was not verified is replaced by that of the pool's user."""
        person = newcomer(self.feeds.story, "Kioko")
        body = person.registration(verified=False)
        del body["phone_number"]
        self.d.call(self.here, SAFARI, "register", body, 201)
        sub = self.pool.sign_up(person)
        self.pool.cognito.admin_update_user_attributes(
            UserPoolId=self.pool.id, Username=person.email, UserAttributes=[{"Name": "email_verified", "Value": "true"}])
        self.pool.confirm(person)
        self.pool.compared()
        self.feeds.known(self.here, SOKO, {"external_id": sub})

    def compared_without_own_key(self) -> None:
        """Keys of another region are used."""
        _, sub = self.ghost()
        with self.without_own_keys("reconcile-sources"):
            self.pool.compared()
        self.feeds.known(self.here, SOKO, {"external_id": sub})
