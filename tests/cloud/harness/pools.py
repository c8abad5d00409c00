"""A user pool of Amazon Cognito: a sign-up becomes a person in every region, and an abandoned one leaves nothing.

Two programs stand for Cognito, and both call the real function. The emulator's own pool, which Terraform makes, calls the
triggers before a sign-up and before a token. npm's cognito-local plays the same pool and calls the others too.
"""

import json
import time

from botocore.exceptions import ClientError

from .cognito_local import CognitoLocal, Said, claims
from .deployment import Region
from .feeds import Feeds
from .people import Person
from .progress import Failed
from .story import SAFARI, SOKO, Story
from .system import System

SOURCE = "soko-pool"
CLAIM = "umoja_id"
REJECTED = "UserLambdaValidationException"
# An open row ends after a day.
DAY = 24 * 60 * 60


class Pool:
    """The emulator's pool."""

    def __init__(self, system: System, story: Story, region: Region) -> None:
        self.system, self.story, self.d, self.region = system, story, story.deployment, region
        self.outputs = system.apply_pool(region.name, SOURCE, "from-pool")
        self.id = self.outputs["pool"]
        self.cognito = self.d.emulator.client("cognito-idp", region.name)
        # The module's own client logs in by SRP, which no step here depends on.
        made = self.cognito.create_user_pool_client(
            UserPoolId=self.id, ClientName="run", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])
        self.client = made["UserPoolClient"]["ClientId"]

    def sign_up(self, person: Person) -> str:
        """A person signs up. Returns the `sub`."""
        names = {"email": person.email, "given_name": person.given_name, "family_name": person.family_name}
        return self.cognito.sign_up(
            ClientId=self.client, Username=person.email, Password=person.password,
            UserAttributes=[{"Name": name, "Value": value} for name, value in names.items()])["UserSub"]

    def confirm(self, person: Person) -> None:
        """The sign-up is confirmed. The emulator calls no trigger after it."""
        self.cognito.admin_confirm_sign_up(UserPoolId=self.id, Username=person.email)

    def tokens(self, person: Person) -> tuple[dict, dict]:
        """A person logs in. Returns the claims of the ID token and of the access token."""
        said = self.cognito.initiate_auth(ClientId=self.client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={
            "USERNAME": person.email, "PASSWORD": person.password})["AuthenticationResult"]
        return claims(said["IdToken"]), claims(said["AccessToken"])

    def has(self, person: Person) -> bool:
        """Whether the pool has the user."""
        try:
            self.cognito.admin_get_user(UserPoolId=self.id, Username=person.email)
        except ClientError as error:
            if error.response["Error"]["Code"] == "UserNotFoundException":
                return False
            raise
        return True

    def rows(self, state: str) -> list[tuple[str, int]]:
        """Key and expiry of the rows in the inbox that the source has in a state."""
        found = []
        for item in self.d.items(self.region.name, "inbox"):
            document = json.loads(item[self.d.names["document"]]["S"])
            if (document.get("source"), document.get("state")) == (SOURCE, state):
                found.append((item["id"]["S"], int(item["expires_at"]["N"])))
        return found

    def compared(self) -> dict:
        """Runs `reconcile-sources` as its schedule does, and returns what it logs."""
        name, before = self.outputs["functions"]["reconcile-sources"], len(self._reports())
        answer = self.d.emulator.client("lambda", self.region.name).invoke(FunctionName=name, Payload=b"{}")
        if "FunctionError" in answer:
            raise Failed(f"reconcile-sources failed: {answer['Payload'].read()[:500]}")
        reports = self._reports()
        if len(reports) == before:
            raise Failed(f"reconcile-sources reports nothing:\n{self.d.logs(self.region.name, 'reconcile-sources')}")
        return reports[-1]

    def _reports(self) -> list[dict]:
        """What the comparisons have logged."""
        lines = self.d.logs(self.region.name, "reconcile-sources", lines=10_000, characters=10_000_000).splitlines()
        said = [json.loads(line) for line in lines if '"report"' in line]
        return [json.loads(each.get("report") or each["fields"]["report"]) for each in said]


def asked(system: System, story: Story, feeds: Feeds, here: Region, there: Region) -> None:
    """The other direction: a pool asks for a user whom it does not know."""
    check, d, source = story.progress.check, story.deployment, "safari-pool"
    pool = system.apply_pool(there.name, source, "to-pool")["pool"]
    feeds.add(source, SAFARI, "cognito", there, "--pool", pool, "--direction", "to-pool")
    person = story.register(here, SAFARI, "Wangari")
    d.readable(there, SAFARI, person.id, person.version)
    local = CognitoLocal(system, there, pool, ("UserMigration", "PreTokenGeneration"))
    check(rejected(lambda: local.claims(person, "not her password")) != "", "a pool that asks: a wrong password is rejected")
    check(local.claims(person).get(CLAIM) == person.id,
          f"the password of a user of {here.name} makes a user of the pool of {there.name}, whose token has {CLAIM}")
    local.end()


def newcomer(story: Story, given_name: str) -> Person:
    """A new person, with a password that any pool takes."""
    person = story.people.new(given_name)
    person.password = story.people.secret(f"{given_name}, No. 1")
    return person


def rejected(act) -> str:
    """The code with which a call is rejected; empty if it is not."""
    try:
        act()
    except ClientError as error:
        return error.response["Error"]["Code"]
    except Said as error:
        return str(error)
    return ""


def played(system: System, story: Story, here: Region, there: Region) -> None:
    """Plays the chapter."""
    pool, feeds = Pool(system, story, here), Feeds(system, story)
    check = story.progress.check
    early = newcomer(story, "Mapema")
    code = rejected(lambda: pool.sign_up(early))
    check(code == REJECTED and not pool.has(early),
          f"before the source is added, the function rejects a sign-up, and the pool has no user ({code})")
    feeds.add_pool(pool.id, here)
    amani, bakari = newcomer(story, "Amani"), abandoned(pool, there)
    signed_up(pool, feeds, there, amani)
    verified = called_by_cognito_local(pool, feeds, there)
    taken(pool, verified)
    compared(pool, feeds, there, amani)
    none_left(pool, bakari, here, there)
    asked(system, story, feeds, here, there)
    for text in (
        "That a sign-up which is not confirmed expires: DynamoDB deletes its row after a day. Stories with a simulated clock show it.",
        "Cognito's triggers after a confirmation and after a login in the emulator's own pool, which calls neither: "
        "cognito-local calls them, and ignores their errors.",
        "Addresses that a confirmation verifies: neither pool marks them, so a step of the run does.",
        "Cognito's limit of five seconds, its second call of a trigger, SRP, and what a person sees after an error.",
    ):
        story.progress.cannot_show(text)


def abandoned(pool: Pool, there: Region) -> Person:
    """A sign-up that is never confirmed.

    Failure: Cognito fails after PreSignUp
    """
    check, d = pool.story.progress.check, pool.d
    person = newcomer(pool.story, "Bakari")
    before, parts = {key for key, _ in pool.rows("open")}, len(d.items(pool.region.name, "users"))
    pool.sign_up(person)
    new = [ends - time.time() for key, ends in pool.rows("open") if key not in before]
    check(len(new) == 1 and DAY - 600 < new[0] < DAY + 600 and len(d.items(pool.region.name, "users")) == parts,
          "a sign-up in the emulator's pool writes one sealed row that ends after a day, and no user")
    d.call(there, SAFARI, "register", {"email": person.email, "password": person.password}, 201)
    check(True, f"its address is free: safari registers it in {there.name}, unverified")
    return person


def none_left(pool: Pool, person: Person, here: Region, there: Region) -> None:
    """What the abandoned sign-up has left."""
    for region in (here, there):
        d = pool.d
        d.call(region, SOKO, "lookup", {"external_id": subject(pool, person)}, 404)
        accounts = d.call(region, SAFARI, "lookup", {"email": person.email}, 200).body["user"]["accounts"]
        if set(accounts) != {SAFARI}:
            raise Failed(f"the abandoned sign-up is in {region.name}: {accounts}")
    pool.story.progress.check(True, "the abandoned sign-up has left no user, no link and no claim in any region")


def subject(pool: Pool, person: Person) -> str:
    """The `sub` of a user of the emulator's pool."""
    said = pool.cognito.admin_get_user(UserPoolId=pool.id, Username=person.email)["UserAttributes"]
    return next(each["Value"] for each in said if each["Name"] == "sub")


def signed_up(pool: Pool, feeds: Feeds, there: Region, person: Person) -> None:
    """A person whose confirmation called no trigger: the token gate makes the user.

    Failure: PostConfirmation fails
    """
    check = pool.story.progress.check
    sub = pool.sign_up(person)
    pool.confirm(person)
    pool.d.call(pool.region, SOKO, "lookup", {"external_id": sub}, 404)
    begin = time.monotonic()
    id_token, access_token = pool.tokens(person)
    check(id_token.get(CLAIM) and id_token.get(CLAIM) == access_token.get(CLAIM),
          f"without a trigger after the confirmation, the token gate makes the user ({time.monotonic() - begin:.2f} s): "
          f"ID token and access token have {CLAIM}")
    user = feeds.known(there, SOKO, {"external_id": sub})
    check((user["id"], user["email"]) == (id_token[CLAIM], person.email),
          f"{there.name} knows the person by the pool's sub, with the id of the tokens")
    again, _ = pool.tokens(person)
    check(again[CLAIM] == user["id"], "the next token has the same id")


def called_by_cognito_local(pool: Pool, feeds: Feeds, there: Region) -> Person:
    """All triggers of a sign-up and a login. Returns the person, whose address the pool has verified."""
    check, person = pool.story.progress.check, newcomer(pool.story, "Chane")
    local = CognitoLocal(pool.system, pool.region, pool.id)
    sub = local.sign_up(person)
    pool.d.call(pool.region, SOKO, "lookup", {"external_id": sub}, 404)
    begin = time.monotonic()
    local.confirm(person)
    made = pool.d.call(pool.region, SOKO, "lookup", {"external_id": sub}, 200).body["user"]
    check(made["email"] == person.email,
          f"cognito-local: after the confirmation the person is a user ({time.monotonic() - begin:.2f} s)")
    said = local.claims(person)
    check(said.get(CLAIM) == made["id"], f"cognito-local: the ID token has {CLAIM}")
    user = feeds.known(there, SOKO, {"external_id": sub})
    check((user["id"], user["email"]) == (made["id"], person.email), f"{there.name} knows the person, with the id of the token")
    local.call("AdminUpdateUserAttributes", UserPoolId=pool.id, Username=person.email, UserAttributes=[
        {"Name": "email", "Value": person.email}, {"Name": "email_verified", "Value": "true"}])
    local.claims(person)

    def is_verified() -> bool:
        return feeds.known(there, SOKO, {"external_id": sub}).get("email_verified") is True

    pool.d.progress.until("the login is applied", is_verified, pause=0.1)
    check(True, f"the login is applied a moment later: {there.name} sees that the address is verified")
    local.end()
    return person


def taken(pool: Pool, verified: Person) -> None:
    """The address of another user of the pool."""
    rival = newcomer(pool.story, "Dogo")
    rival.email = verified.email
    check = pool.story.progress.check
    code = rejected(lambda: pool.sign_up(rival))
    check(code == REJECTED and not pool.has(rival),
          f"a verified address that a user of the pool has is rejected before the sign-up; no second user ({code})")


def compared(pool: Pool, feeds: Feeds, there: Region, known: Person) -> None:
    """`reconcile-sources` finds who is in the pool only, and who is disabled in it."""
    check, d, ghost = pool.story.progress.check, pool.d, newcomer(pool.story, "Pepo")
    sub = pool.sign_up(ghost)
    pool.confirm(ghost)
    pool.cognito.admin_disable_user(UserPoolId=pool.id, Username=known.email)
    found = pool.compared()
    check((found["only_in_pool"], found["only_in_store"], found["other_standing"], found["repaired"], found["failed"])
          == (1, 0, 1, 2, 0), f"reconcile-sources finds {found['listed']} users in the pool, one that only the pool has, and one that is disabled")
    user = feeds.known(there, SOKO, {"external_id": sub})
    check(user["email"] == ghost.email, f"whom only the pool had is a user, readable in {there.name}")

    def stands(status: str) -> bool:
        answer = d.call(there, SOKO, "lookup", {"email": known.email}, 200).body["user"]
        return answer["accounts"][SOKO].get("status", "active") == status

    d.progress.until("the disabled user is suspended", lambda: stands("suspended"), pause=0.1)
    check(True, f"who is disabled in the pool is suspended at {SOKO}, in {there.name} too")
    pool.cognito.admin_enable_user(UserPoolId=pool.id, Username=known.email)
    check(rejected(lambda: pool.tokens(known)) != "", "while the link is suspended, the token gate rejects: no token")
    found = pool.compared()
    check((found["only_in_pool"], found["other_standing"], found["repaired"]) == (0, 1, 1),
          "enabled again: the next comparison admits the user, and finds no other difference")
    d.progress.until("the user is admitted", lambda: stands("active"), pause=0.1)
    check(CLAIM in pool.tokens(known)[0], f"and the token has {CLAIM}")
