#!/usr/bin/env python3
"""Keeps a copy of a company's users by its events. Needs the package `cryptography`.

    python3 docs/events/consume.py DIR/demo.json USERS.db [REGION] [--once]
    python3 docs/events/consume.py COMPANY.json URL USERS.db [--once]

The arguments are those of docs/requests/sign.py. USERS.db is an SQLite file that has the users, the versions that were seen, and
the cursor. REGION is the number of a region of the demo, 0 by default: a cursor of one region continues in every other one. With
--once the program ends when no event is left, and otherwise it waits for more.
"""

import json
import pathlib
import sqlite3
import sys
import time

sys.dont_write_bytecode = True
sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "requests"))
import sign  # noqa: E402

TABLES = """
CREATE TABLE IF NOT EXISTS position (id INTEGER PRIMARY KEY CHECK (id = 0), state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS versions (user TEXT, part TEXT, version TEXT NOT NULL, PRIMARY KEY (user, part));
CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, content TEXT NOT NULL);
"""


class Umoja:
    """One region, called by one company."""

    def __init__(self, company: dict, url: str) -> None:
        self.company, self.url = company, url

    def call(self, path: str, body: dict) -> tuple[int, dict]:
        """The status and the body of a verified answer."""
        token, jti = sign.sign(self.company, self.url, path, body)
        status, answer = sign.post(self.url + path, token, self.company["api_key"])
        return status, sign.check(self.company, self.url, jti, token, status, answer)["body"]


def refresh(umoja: Umoja, users: sqlite3.Connection, event: dict) -> None:
    """Brings the copy of one user up to date."""
    user, version = event["subject"], event["data"].get("min_version")
    while event["type"] != "umoja.user.erased":
        # `min_version` is of the user that changed. If that is another one than the company is linked to, look that one up.
        status, body = umoja.call("/v1/users/lookup", {"id": event["data"]["user"], "min_version": version})
        if status == 200:
            users.execute("INSERT OR REPLACE INTO users VALUES (?, ?)", (user, json.dumps(body["user"])))
            return
        if status in (403, 404):
            break  # erased or unlinked meanwhile: an event will say so
        time.sleep(1)  # 503: the region does not have the version yet
    users.execute("DELETE FROM users WHERE id = ?", (user,))


def apply(umoja: Umoja, users: sqlite3.Connection, event: dict) -> None:
    """Applies an event if nothing newer was applied. Of two regions' events the greater version counts."""
    data = event["data"]
    known = users.execute("SELECT MAX(version) FROM versions WHERE user = ? AND (part = ? OR version LIKE '1-%')",
                          (data["user"], data["part"])).fetchone()[0]
    if data["version"] > (known or ""):
        users.execute("INSERT OR REPLACE INTO versions VALUES (?, ?, ?)", (data["user"], data["part"], data["version"]))
        refresh(umoja, users, event)
        print(event["type"], event["subject"], flush=True)


def consume(umoja: Umoja, users: sqlite3.Connection, once: bool) -> int:
    """Reads page after page. The cursor is stored in the transaction of what the events did."""
    users.executescript(TABLES)
    while True:
        row = users.execute("SELECT state FROM position").fetchone()
        position = json.loads(row[0]) if row else {}
        status, body = umoja.call("/v1/events/list", position | {"wait_secs": 1 if once else 20})
        if status == 410:
            print("events after the cursor were deleted: export your users, and begin with `after`", file=sys.stderr)
            return 1
        if status != 200:
            time.sleep(1)
            continue
        with users:
            for event in body["events"]:
                apply(umoja, users, event)
            users.execute("INSERT OR REPLACE INTO position VALUES (0, ?)", (json.dumps({"cursor": body["cursor"]}),))
        if once and not body["events"] and not body["more"]:
            return 0


class Misused(Exception):
    """What is wrong with the arguments."""


def named(arguments: list[str]) -> tuple[dict, str, str]:
    """The company, the URL of the region and the file of the users that the arguments name."""
    if len(arguments) not in (2, 3):
        raise Misused("give DIR/demo.json USERS.db [REGION], or COMPANY.json URL USERS.db")
    path, *rest = arguments
    try:
        with open(path, encoding="utf-8") as file:
            company = json.load(file)
    except (OSError, ValueError) as error:
        raise Misused(f"{path} cannot be read: {error}") from error
    if "companies" not in company:
        if len(rest) != 2:
            raise Misused("give COMPANY.json URL USERS.db")
        return company, *rest
    users, *region = rest
    regions = company["regions"]
    number = region[0] if region else "0"
    if not number.isdecimal() or int(number) >= len(regions):
        raise Misused(f"REGION is a number from 0 to {len(regions) - 1}: the demo has no region {number}")
    return company["companies"][0], regions[int(number)]["url"], users


def main() -> int:
    arguments = [argument for argument in sys.argv[1:] if argument != "--once"]
    try:
        company, url, users = named(arguments)
    except Misused as error:
        print(error, file=sys.stderr)
        return 2
    with sqlite3.connect(users) as connection:
        return consume(Umoja(company, url), connection, "--once" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
