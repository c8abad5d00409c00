"""Single sign-on through the REST APIs of two regions: signed in at one, redeemed at the other, signed out everywhere."""

import http.server
import json
import threading
import time
from urllib.parse import parse_qs

from .browser import ALL, ISSUER, App, Browser, Issuer, step_of
from .counts import counted, counts_of, settle
from .deployment import Region
from .people import Person
from .progress import Failed
from .story import SOKO, Story
from .system import System

CLIENT = "soko-web"


class Notices:
    """Where a client learns that a session has ended."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        notices = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Answers a call."""

            def do_POST(self) -> None:  # noqa: N802
                """Keeps one token."""
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                notices.tokens += parse_qs(body).get("logout_token", [])
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_arguments) -> None:
                """Says nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/logout"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def end(self) -> None:
        """Accepts no more calls."""
        self._server.shutdown()
        self._server.server_close()


class SignOn:
    """The issuer, and one client with a place for notices."""

    def __init__(self, system: System, story: Story) -> None:
        self.system, self.story, self.d = system, story, story.deployment
        self.issuer = Issuer(self.d.emulator.port)
        self.notices = Notices()
        self.app: App | None = None

    def add_client(self) -> App:
        """The operator adds the client, of the company's own."""
        for region in self.d.regions:
            self.issuer.apis[region.name] = self.system.terraform.outputs(region.name)["oidc_api_id"]
        file = self.system.directory / f"{CLIENT}.json"
        if not file.exists():
            self.system.operator("client", "add", CLIENT, "--company", SOKO, "--name", "Soko", "--first-party", "true",
                                 "--redirect-uri", App.REDIRECT, "--post-logout-redirect-uri", App.BYE,
                                 "--backchannel-logout-uri", self.notices.url, "--outbound-loopback", "--out", str(file),
                                 "--prefix", self.d.prefix, "--region", self.d.regions[0].name)
        self.app = App(self.issuer, json.loads(file.read_text()))
        return self.app

    def sign_in(self, browser: Browser, person: Person, first: Region, then: Region, scope: str = ALL) -> tuple[str, dict]:
        """Begins at a region, and posts the password to another. Returns the code, and what the client keeps."""
        page, kept = self.app.begin(browser, first.name, scope)
        form = {"step": step_of(page), "identifier": person.email, "password": person.password}
        return self.app.code(browser.request(then.name, "POST", "/login", form), kept), kept

    def tokens(self, said, what: str) -> dict:
        """The tokens of an answer."""
        if said.status != 200:
            raise Failed(f"{what}: {said.status} {said.text[:300]}")
        return said.json()


def signed_on(system: System, story: Story, here: Region, there: Region) -> None:
    """Plays the chapter."""
    sso = SignOn(system, story)
    try:
        sso.add_client()
        published(sso, here, there)
        person = story.register(here, SOKO, "Zawadi")
        sso.d.readable(there, SOKO, person.id, person.version)
        calls_made(sso, person, here)
        browser, tokens = roaming(sso, person, here, there)
        once(sso, person, here, there)
        cut_off(sso, person, here, there)
        logged_out(sso, browser, tokens, here, there)
        disabled(sso, person, here, there)
    finally:
        sso.notices.end()


def published(sso: SignOn, here: Region, there: Region) -> None:
    """All regions are one issuer."""
    check = sso.story.progress.check
    documents = [sso.issuer.send(region.name, "GET", "/.well-known/openid-configuration", {}) for region in (here, there)]
    check(documents[0].status == 200 and documents[0].json() == documents[1].json() and documents[0].json()["issuer"] == ISSUER,
          f"both regions say that they are the issuer {ISSUER}")
    keys = [sso.issuer.send(region.name, "GET", "/oauth2/jwks", {}) for region in (here, there)]
    check(keys[0].status == 200 and keys[0].json() == keys[1].json() and len(keys[0].json()["keys"]) >= 4,
          f"and publish the same {len(keys[0].json()['keys'])} keys, the next ones among them")
    said = sso.issuer.send(here.name, "GET", "/v1/users/lookup", {})
    check(said.status == 404, "no route of the API is behind the issuer's name")


def roaming(sso: SignOn, person: Person, here: Region, there: Region) -> tuple[Browser, dict]:
    """Every step is answered by the other region than the step before."""
    check, app, browser = sso.story.progress.check, sso.app, Browser(sso.issuer)
    page, kept = app.begin(browser, here.name)
    form = {"step": step_of(page), "identifier": person.email, "password": "not her password"}
    again = browser.request(there.name, "POST", "/login", form)
    check(again.status in (200, 401) and "wrong" in again.text, f"a wrong password is rejected by {there.name}, on the page that {here.name} made")
    begin = time.monotonic()
    code, kept = sso.sign_in(browser, person, there, here)
    tokens = sso.tokens(app.redeem(there.name, code, kept), "the code")
    took = time.monotonic() - begin
    check(True, f"the page of {there.name}, her password at {here.name}, and the code redeemed in {there.name}: {took:.2f} s")
    sso.story.progress.figure(f"sign-in over two regions through API Gateway: {took:.2f} s")
    claims = app.claims(here.name, tokens["id_token"])
    check(claims["iss"] == ISSUER and claims["aud"] in (app.id, [app.id]) and claims["nonce"] == kept["nonce"],
          f"the keys of {here.name} verify the id token")
    said = app.userinfo(here.name, tokens["access_token"])
    check(said.status == 200 and said.json()["sub"] == claims["sub"] and said.json()["email"] == person.email,
          f"{here.name} says who she is")
    refreshed = sso.tokens(app.refresh(here.name, tokens["refresh_token"]), "the refresh token")
    again = sso.tokens(app.refresh(there.name, refreshed.get("refresh_token", tokens["refresh_token"])), "the refresh token again")
    check(app.claims(there.name, again["id_token"])["sub"] == claims["sub"] if "id_token" in again else True,
          f"her tokens are refreshed in {here.name}, then in {there.name}")
    # Without `offline_access`, the tokens end with the session.
    said, kept = app.begin(browser, there.name, scope="openid email")
    tokens = sso.tokens(app.redeem(here.name, app.code(said, kept), kept), "the code of the session")
    check(app.claims(there.name, tokens["id_token"])["sub"] == claims["sub"],
          f"the session of {here.name} signs her in again in {there.name}, without a page")
    return browser, tokens


def calls_made(sso: SignOn, person: Person, here: Region) -> None:
    """What a sign-in calls: by a process that has opened no data key yet, all of it in one region."""
    check, app, d = sso.story.progress.check, sso.app, sso.d
    for process in d.functions.running():
        if process.function == f"{d.prefix}-oidc" and process.region == here.name:
            process.kill()
    # Its secrets are opened at the start.
    sso.issuer.send(here.name, "GET", "/oauth2/jwks", {})
    browser, kept = Browser(sso.issuer), {}

    def count(what: str, act, most: int):
        settle(d)
        mark = d.wire.mark()
        answer = act()
        settle(d)
        calls = d.wire.since(mark)
        own, sent = counted(d, "oidc", here.name, calls), counted(d, "replicator", here.name, calls)
        kms = sum(number for call, number in own.items() if call.startswith("kms:"))
        check(kms <= most, f"{what}: {kms} calls to KMS (at most {most}); {counts_of(own)}"
              + (f"; replicator: {counts_of(sent)}" if sent else ""))
        return answer

    code, kept = count("a sign-in with a password", lambda: sso.sign_in(browser, person, here, here), 2)
    tokens = sso.tokens(count("its code", lambda: app.redeem(here.name, code, kept), 1), "the code")
    count("a refresh", lambda: app.refresh(here.name, tokens["refresh_token"]), 1)
    count("who she is", lambda: app.userinfo(here.name, tokens["access_token"]), 1)
    said, kept = count("a sign-in by the session", lambda: app.begin(browser, here.name), 1)
    code = app.code(said, kept)
    sso.tokens(count("its code", lambda: app.redeem(here.name, code, kept), 1), "the code")


def once(sso: SignOn, person: Person, here: Region, there: Region) -> None:
    """A code works once, over both regions."""
    check, app, browser = sso.story.progress.check, sso.app, Browser(sso.issuer)
    code, kept = sso.sign_in(browser, person, here, here)
    tokens = sso.tokens(app.redeem(there.name, code, kept), "the code")
    said = [app.redeem(region.name, code, kept) for region in (here, there)]
    check([each.json().get("error") for each in said] == ["invalid_grant"] * 2,
          f"a code of {here.name} that was redeemed in {there.name} works in neither again")
    sso.story.progress.until("what it gave is over", lambda: app.refresh(here.name, tokens["refresh_token"]).status == 400
                             and app.refresh(there.name, tokens["refresh_token"]).status == 400, pause=0.2)
    check(True, "and ends what it gave, in both regions")


def cut_off(sso: SignOn, person: Person, here: Region, there: Region) -> None:
    """A region that is alone signs persons in, and lets a code of a peer wait."""
    check, app, d = sso.story.progress.check, sso.app, sso.d
    browser = Browser(sso.issuer)
    code, kept = sso.sign_in(browser, person, here, here)
    d.cut_off(there.name)
    try:
        said = app.redeem(there.name, code, kept)
        check((said.status, said.json().get("error")) == (503, "temporarily_unavailable"),
              f"while {there.name} is cut off, it asks who brings a code of {here.name} to come again")
        alone, own = sso.sign_in(Browser(sso.issuer), person, there, there)
        sso.tokens(app.redeem(there.name, alone, own), "a code of its own")
        check(True, "and signs her in by itself")
    finally:
        d.proxy.heal()
    sso.tokens(app.redeem(there.name, code, kept), "the code after the outage")
    check(True, f"afterwards the code of {here.name} is redeemed there")
    d.agreed()


def logged_out(sso: SignOn, browser: Browser, tokens: dict, here: Region, there: Region) -> None:
    """Signed out at one region: over in the other, and the client is informed."""
    check, app, progress = sso.story.progress.check, sso.app, sso.story.progress
    before = len(sso.notices.tokens)
    session = app.claims(here.name, tokens["id_token"])["sid"]
    hint = f"/oauth2/logout?id_token_hint={tokens['id_token']}&post_logout_redirect_uri={app.BYE}&state=s1"
    cookies = dict(browser.cookies)
    said = browser.request(here.name, "GET", hint)
    check(said.status == 303 and said.header("location") == f"{app.BYE}?state=s1", f"a client ends her session in {here.name}")
    check(not any("sso" in name for name in browser.cookies), "and her browser forgets it")
    stolen = Browser(sso.issuer, cookies)
    begin = time.monotonic()
    progress.until(f"{there.name} knows", lambda: app.begin(stolen, there.name)[0].status == 200, pause=0.05)
    check(app.refresh(there.name, tokens["refresh_token"]).status == 400,
          f"{time.monotonic() - begin:.2f} s later its cookie and its refresh token are rejected in {there.name}")
    progress.until("the client is informed", lambda: len(sso.notices.tokens) > before, pause=0.1)
    claims = app.claims(there.name, sso.notices.tokens[-1])
    check(claims["sid"] == session and claims["aud"] in (app.id, [app.id]) and "nonce" not in claims
          and "http://schemas.openid.net/event/backchannel-logout" in claims["events"],
          f"the client is informed by a token that names the session ({time.monotonic() - begin:.2f} s)")


def disabled(sso: SignOn, person: Person, here: Region, there: Region) -> None:
    """Who is disabled has no session and no tokens."""
    d, app, browser = sso.d, sso.app, Browser(sso.issuer)
    code, kept = sso.sign_in(browser, person, here, here)
    tokens = sso.tokens(app.redeem(here.name, code, kept), "the code")
    body = {"id": person.id, "status": "disabled", "reason": sso.story.people.secret("because")}
    d.call(here, SOKO, "status", body, 200)
    sso.story.progress.until("nothing is valid", lambda: app.refresh(there.name, tokens["refresh_token"]).status == 400
                             and app.userinfo(there.name, tokens["access_token"]).status == 401, pause=0.1)
    sso.story.progress.check(True, f"disabled in {here.name}: her tokens are over in {there.name}")
    d.call(here, SOKO, "erase", {"id": person.id, "reason": sso.story.people.secret("asked")}, 202)
    sso.story.progress.until("nothing of her is left", lambda: not any(
        item["id"]["S"] == person.id for region in d.regions for item in d.items(region.name, "access")), pause=0.2)
    sso.story.progress.check(True, "erased: no region has a session, a consent or a subject of hers")
