"""The probe's steps of single sign-on and of the deliveries to foreign systems."""

import time

from .browser import Browser
from .feeds import Feeds
from .people import Person
from .probe_queues import PATIENCE
from .progress import Failed
from .sign_on import SignOn
from .story import SOKO
from .targets import Fed


class Systems:
    """A client, a target and a webhook, added once."""

    def __init__(self, feeds: Feeds, garbage) -> None:
        self.feeds, self.story, self.d = feeds, feeds.story, feeds.d
        self.here, self.there = self.d.regions[0], self.d.regions[1]
        self.garbage = lambda: garbage("deliver", "deliver")
        self._sso: SignOn | None = None
        self._fed: Fed | None = None

    def steps(self) -> dict:
        """The steps, by function."""
        return {
            "oidc": {"a life": self.signed_in, "its KMS down": self.signed_in_without_own_key,
                     "a code of a peer": self.redeemed_for_peer},
            "deliver": {"a life": self.delivered, "its KMS down": self.delivered_without_own_key, "a logout": self.informed,
                        "a webhook that rejects": self.again, "garbage": self.garbage},
            "reconcile-targets": {"what is due": self.rung},
        }

    def end(self) -> None:
        """Ends the systems."""
        if self._sso:
            self._sso.notices.end()
        if self._fed:
            self._fed.scim.end()
            self._fed.receiver.end()

    def until(self, what: str, look) -> None:
        """Waits a short while."""
        self.d.progress.until(what, look, seconds=PATIENCE)

    def forget(self, function: str) -> None:
        """Forces a cold start of a function here."""
        for process in self.d.functions.running():
            if process.function == f"{self.d.prefix}-{function}" and process.region == self.here.name:
                process.kill()

    @property
    def sso(self) -> SignOn:
        """The issuer with a client."""
        if self._sso is None:
            self._sso = SignOn(self.feeds.system, self.story)
            self._sso.add_client()
        return self._sso

    @property
    def fed(self) -> Fed:
        """A target and a webhook whose home is here."""
        if self._fed is None:
            self._fed = Fed(self.feeds.system, self.story, self.here)
            self._fed.add()
        return self._fed

    # Single sign-on.

    def session(self) -> tuple[Person, Browser, dict]:
        """A person who signs in here, and gets tokens here."""
        sso, browser = self.sso, Browser(self.sso.issuer)
        person = self.story.register(self.here, SOKO, "Zawadi")
        self.forget("oidc")
        code, kept = sso.sign_in(browser, person, self.here, self.here, "openid email")
        return person, browser, sso.tokens(sso.app.redeem(self.here.name, code, kept), "the code")

    def signed_in(self) -> None:
        """A wrong password, a session, tokens, a logout."""
        sso, app = self.sso, self.sso.app
        person, browser, tokens = self.session()
        wrong, _ = app.begin(Browser(sso.issuer), self.here.name)
        if wrong.status != 200:
            raise Failed(f"no page: {wrong.status}")
        if app.userinfo(self.here.name, tokens["access_token"]).json().get("email") != person.email:
            raise Failed("the person is not said")
        sso.tokens(app.refresh(self.here.name, tokens["refresh_token"]), "the refresh token")
        hint = f"/oauth2/logout?id_token_hint={tokens['id_token']}&post_logout_redirect_uri={app.BYE}"
        said = browser.request(self.here.name, "GET", hint)
        if said.status != 303:
            raise Failed(f"no logout: {said.status}")
        if app.refresh(self.here.name, tokens["refresh_token"]).status != 400:
            raise Failed("a token outlives its session")

    def signed_in_without_own_key(self) -> None:
        """Another region's key opens the user."""
        self.d.key_service(self.here.name, False)
        try:
            self.session()
        finally:
            self.d.key_service(self.here.name, True)

    def redeemed_for_peer(self) -> None:
        """A code of the peer is spent there."""
        sso = self.sso
        person = self.story.register(self.there, SOKO, "Zawadi")
        self.d.readable(self.here, SOKO, person.id, person.version, PATIENCE)
        code, kept = sso.sign_in(Browser(sso.issuer), person, self.there, self.there)
        sso.tokens(sso.app.redeem(self.here.name, code, kept), "the peer's code")

    def new_password(self) -> None:
        """The api ends a session."""
        person, _, tokens = self.session()
        change = {"id": person.id, "current_password": person.password, "new_password": self.story.people.secret("a")}
        self.d.call(self.here, SOKO, "password/change", change, 200)
        if self.sso.app.refresh(self.here.name, tokens["refresh_token"]).status != 400:
            raise Failed("a session outlives its password")

    # The deliveries.

    def delivered(self) -> None:
        """A user appears, changes and goes, at the target and at the webhook."""
        fed = self.fed
        self.forget("deliver")
        person = self.story.register(self.here, SOKO, "Achieng")
        self.until("the account", lambda: fed.account(person.id))
        self.until("the event", lambda: fed.receiver.has("registered", person.id))
        self.d.call(self.here, SOKO, "update", {"id": person.id, "set": {"profile": {"given_name": "Atieno"}}}, 200)
        self.until("the change", lambda: fed.account(person.id)["name"]["givenName"] == "Atieno")
        self.d.call(self.here, SOKO, "erase", {"id": person.id}, 202)
        self.until("the end of the account", lambda: fed.account(person.id) is None)
        self.until("the receipt", lambda: self.d.ask(self.here, SOKO, "erasure", {"id": person.id}).body.get("receipt", {}).get("complete"))

    def delivered_without_own_key(self) -> None:
        """Another region's key opens the profile."""
        fed = self.fed
        person = self.story.register(self.there, SOKO, "Achieng")
        self.until("the account", lambda: fed.account(person.id))
        self.d.key_service(self.here.name, False)
        try:
            self.forget("deliver")
            self.d.call(self.there, SOKO, "update", {"id": person.id, "set": {"profile": {"given_name": "Atieno"}}}, 200)
            self.until("the change", lambda: fed.account(person.id)["name"]["givenName"] == "Atieno")
        finally:
            self.d.key_service(self.here.name, True)

    def informed(self) -> None:
        """A client is informed of a logout."""
        sso, (_, browser, tokens) = self.sso, self.session()
        before = len(sso.notices.tokens)
        self.forget("deliver")
        browser.request(self.here.name, "GET", f"/oauth2/logout?id_token_hint={tokens['id_token']}")
        self.until("the notice", lambda: len(sso.notices.tokens) > before)

    def rejected(self) -> Person:
        """A person whose event the webhook has rejected."""
        fed = self.fed
        fed.receiver.rejects, before = True, fed.receiver.calls
        person = self.story.register(self.here, SOKO, "Achieng")
        self.until("a call", lambda: fed.receiver.calls > before)
        fed.receiver.rejects = False
        return person

    def again(self) -> None:
        """A message with a delay brings the event again."""
        person = self.rejected()
        self.d.progress.until("the event", lambda: self.fed.receiver.has("registered", person.id), seconds=40)

    def rung(self) -> None:
        """The schedule rings for what no message brings again."""
        person = self.rejected()
        time.sleep(1)
        self.d.emulator.client("sqs", self.here.name).purge_queue(QueueUrl=self.d.queue_url(self.here.name, "deliver"))
        client = self.d.emulator.client("lambda", self.here.name)

        def looked() -> bool:
            client.invoke(FunctionName=f"{self.d.prefix}-reconcile-targets", Payload=b"{}")
            return self.fed.receiver.has("registered", person.id)

        self.d.progress.until("the event", looked, pause=2.0, seconds=40)
