"""Hashes of many passwords by passlib, one JSON object on each line, for legacy_oracles.rs."""

import base64
import hashlib
import hmac
import json
import warnings

warnings.simplefilter("ignore")
from passlib import hash as h  # noqa: E402

PASSWORDS = [
    "", "a", "password", "p\u00e4ssw\u00f6rd \u20ac", "\u65e5\u672c\u8a9e\u30d1\u30b9", " both sides ", "$P$ {SSHA} a:b",
    "x" * 55, "x" * 64, "x" * 71, "x" * 72, "x" * 73, "\u20ac" * 30, "0123456789abcdef" * 15,
]
# Each with the cheapest parameters, and with some that are not wrapped.
HANDLERS = [
    h.bcrypt.using(rounds=4), h.bcrypt.using(rounds=4, ident="2a"), h.bcrypt.using(rounds=4, ident="2y"),
    h.md5_crypt, h.apr_md5_crypt, h.phpass.using(rounds=7), h.phpass.using(rounds=13, ident="H"),
    h.sha256_crypt.using(rounds=1000), h.sha256_crypt.using(rounds=5000), h.sha512_crypt.using(rounds=1234),
    h.sha512_crypt.using(rounds=5000), h.sha512_crypt.using(rounds=5000, salt_size=0), h.sha256_crypt.using(rounds=5001, salt_size=7),
    h.pbkdf2_sha1.using(rounds=3), h.pbkdf2_sha256.using(rounds=5000), h.pbkdf2_sha512.using(rounds=5001, salt_size=33),
    h.django_pbkdf2_sha256.using(rounds=5000), h.django_pbkdf2_sha1.using(rounds=5), h.django_salted_sha1,
    h.django_salted_md5, h.ldap_pbkdf2_sha1.using(rounds=9), h.ldap_pbkdf2_sha256.using(rounds=5000),
    h.ldap_pbkdf2_sha512.using(rounds=7), h.ldap_md5, h.ldap_sha1, h.ldap_salted_md5, h.ldap_salted_sha1,
    h.ldap_salted_sha256, h.ldap_salted_sha512, h.ldap_md5_crypt, h.ldap_sha512_crypt.using(rounds=1000),
    h.scrypt.using(rounds=4, block_size=1, parallelism=2), h.scrypt.using(rounds=10, block_size=8),
    h.argon2.using(type="ID", rounds=1, memory_cost=64), h.argon2.using(type="I", rounds=2, memory_cost=64),
    h.argon2.using(type="D", rounds=1, memory_cost=128, parallelism=3),
]
ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def directories(password, raw):
    """389 Directory Server's and OpenDJ's strings over hashlib's PBKDF2."""
    salt = bytes(range(64))
    derived = hashlib.pbkdf2_hmac("sha256", raw, salt, 2600, 256)
    emit("parse", password, hash="{PBKDF2_SHA256}" + b64((2600).to_bytes(4, "big") + salt + derived))
    for scheme, digest in [("PBKDF2", "sha1"), ("PBKDF2-HMAC-SHA256", "sha256"), ("PBKDF2-HMAC-SHA512", "sha512")]:
        derived = hashlib.pbkdf2_hmac(digest, raw, salt[:8], 5000)
        emit("parse", password, hash="{%s}5000:%s" % (scheme, b64(derived + salt[:8])))


def flask(password):
    """Werkzeug's own hashes, where it is installed."""
    try:
        from werkzeug.security import generate_password_hash
    except ImportError:
        return
    for method in ["scrypt:16:1:2", "scrypt:1024:16:1", "pbkdf2:sha1:3", "pbkdf2:sha256:5000", "pbkdf2:sha512:5001"]:
        emit("parse", password, hash=generate_password_hash(password, method=method))


def emit(kind, password, **fields):
    print(json.dumps({"kind": kind, "password": password, **fields}))


def b64(data):
    return base64.b64encode(data).decode()


def drupal(secret, salt, log2):
    """Drupal 7's hash: SHA-512 over and over, in crypt's base64, cut to 55 letters."""
    digest = hashlib.sha512(salt + secret).digest()
    for _ in range(1 << log2):
        digest = hashlib.sha512(digest + secret).digest()
    bits = int.from_bytes(digest, "little")
    text = "".join(ALPHABET[bits >> shift & 63] for shift in range(0, 512, 6))
    return ("$S$" + ALPHABET[log2] + salt.decode() + text)[:55]


for password in PASSWORDS:
    raw = password.encode()
    for handler in HANDLERS:
        try:
            native = handler.hash(password)
        except Exception as error:  # a backend that is not there, or newer ones that reject 73 bytes
            emit("skipped", password, handler=handler.name, error=type(error).__name__)
            continue
        emit("parse", password, hash=native)
    emit("parse", password, hash=h.atlassian_pbkdf2_sha1.hash(password))
    directories(password, raw)
    flask(password)
    emit("nt", password, hash=h.nthash.hash(password))
    emit("parse", password, hash=drupal(raw, b"saltsalt", 7))
    emit("parse", password, hash="U" + drupal(hashlib.md5(raw).hexdigest().encode(), b"SALTsalt", 13))
    for bits, name in [(1, "pbkdf2"), (256, "pbkdf2-sha256"), (512, "pbkdf2-sha512")]:
        derived = hashlib.pbkdf2_hmac(f"sha{bits}", raw, b"0123456789abcdef", 2600, 64)
        emit("keycloak", password,
             credential=json.dumps({"hashIterations": 2600, "algorithm": name, "additionalParameters": {}}),
             secret=json.dumps({"value": b64(derived), "salt": b64(b"0123456789abcdef")}))
    for name in ["md5", "sha1", "sha256", "sha512"]:
        for salt in ["", "Salt"]:
            for position in ["prefix", "suffix"]:
                message = salt.encode() + raw if position == "prefix" else raw + salt.encode()
                given = {"value": salt, "encoding": "utf8", "position": position}
                emit("auth0", password, object=json.dumps({
                    "algorithm": name, "salt": given,
                    "hash": {"value": hashlib.new(name, message).hexdigest(), "encoding": "hex"}}))
                emit("auth0", password, object=json.dumps({
                    "algorithm": "hmac", "salt": given,
                    "hash": {"value": b64(hmac.new(b"pepper", message, name).digest()), "encoding": "base64",
                             "digest": name, "key": {"value": "pepper", "encoding": "utf8"}}}))
        for theirs, ours in [("latin1", "latin-1"), ("utf16le", "utf-16-le"), ("ascii", "ascii")]:
            try:
                message = password.encode(ours)
            except UnicodeEncodeError:
                continue
            emit("auth0", password, object=json.dumps({
                "algorithm": name, "password": {"encoding": theirs},
                "hash": {"value": hashlib.new(name, message).hexdigest(), "encoding": "hex"}}))
    for n, r, p in [(16, 8, 1), (1024, 8, 1), (1024, 4, 3)]:
        emit("auth0", password, object=json.dumps({
            "algorithm": "scrypt", "keylen": 48, "cost": n, "blockSize": r, "parallelization": p,
            "salt": {"value": "ff00", "encoding": "hex"},
            "hash": {"value": hashlib.scrypt(raw, salt=b"\xff\0", n=n, r=r, p=p, dklen=48).hex(), "encoding": "hex"}}))
