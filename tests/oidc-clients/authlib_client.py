# Authlib as the back end of a client. It writes the URLs that a browser has to open, and reads where the browser was sent.
import json
import sys

import requests
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.jwk import KeySet

issuer, client_id, client_secret, redirect_uri = sys.argv[1:]
# Each request has a connection of its own, so that the regions take turns.
alone = {"connection": "close"}


def opens(url):
    print(json.dumps({"open": url}), flush=True)
    return sys.stdin.readline().strip()


metadata = requests.get(f"{issuer}/.well-known/openid-configuration", headers=alone, timeout=30).json()
session = OAuth2Session(
    client_id, client_secret, redirect_uri=redirect_uri, scope="openid profile email offline_access",
    code_challenge_method="S256", token_endpoint_auth_method="client_secret_basic",
    revocation_endpoint_auth_method="client_secret_basic",
)
session.headers.update(alone)
verifier = "a-verifier-of-more-than-43-characters-which-is-used-once"
for turn in range(2):
    url, state = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=f"nonce-{turn}",
        # The second application of the person needs no password.
        **({"prompt": "none"} if turn else {}),
    )
    token = session.fetch_token(
        metadata["token_endpoint"], authorization_response=opens(url), state=state, code_verifier=verifier)
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], headers=alone, timeout=30).json())
    decoded = jwt.decode(token["id_token"], keys, algorithms=["ES256"])
    rules = jwt.JWTClaimsRegistry(
        leeway=60, iss={"essential": True, "value": issuer}, aud={"essential": True, "value": client_id},
        nonce={"essential": True, "value": f"nonce-{turn}"}, exp={"essential": True}, iat={"essential": True})
    rules.validate(decoded.claims)
    person = session.get(metadata["userinfo_endpoint"], timeout=30).json()
    assert person["sub"] == decoded.claims["sub"], person
    for _ in range(2):
        refreshed = session.refresh_token(metadata["token_endpoint"])
        assert refreshed["access_token"] != token["access_token"]
        assert session.get(metadata["userinfo_endpoint"], timeout=30).status_code == 200
    state = session.introspect_token(metadata["introspection_endpoint"], refreshed["access_token"]).json()
    assert state["active"] and state["client_id"] == client_id, state
refresh = session.token["refresh_token"]
ended = session.revoke_token(metadata["revocation_endpoint"], refresh, "refresh_token")
assert ended.status_code == 200, ended.text
again = session.post(
    metadata["token_endpoint"], {"grant_type": "refresh_token", "refresh_token": refresh}, withhold_token=True,
    auth=(client_id, client_secret), timeout=30)
assert (again.status_code, again.json()["error"]) == (400, "invalid_grant"), again.text
logout = requests.Request("GET", metadata["end_session_endpoint"], params={
    "id_token_hint": token["id_token"], "post_logout_redirect_uri": redirect_uri, "state": "bye"}).prepare().url
assert opens(logout) == f"{redirect_uri}?state=bye"
url, _ = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, prompt="none")
assert "error=login_required" in opens(url)
print(json.dumps({"person": person}), flush=True)
