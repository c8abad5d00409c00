"""The installed package against the deployment that sdk/test/deployment.py runs."""

import asyncio
import json
import os
import pathlib
import time
import unittest
import urllib.request
import uuid

import umoja
from umoja import ApiError, AsyncUmoja, Company, NoAnswerError, Umoja

FILE, CONTROL, TARGET = (os.environ[f"UMOJA_{name}"] for name in ("COMPANY", "CONTROL", "TARGET"))
FIRST, SECOND = os.environ["UMOJA_REGIONS"].split()
COMPANY = Company.from_file(FILE)


def address() -> str:
    return f"person-{uuid.uuid4()}@example.com"


def disturb(what: str) -> None:
    urllib.request.urlopen(f"{CONTROL}/{what}", data=b"").close()


class Regions(unittest.TestCase):
    def client(self, *arguments, **named) -> Umoja:
        client = Umoja(*arguments, **named)
        self.addCleanup(client.close)
        return client

    def test_a_person_registers_logs_in_changes_the_password_and_is_found(self):
        with Umoja.from_file(FILE, FIRST) as client:
            email = address()
            registered = client.register(email=email, password="a long pass phrase", profile={"name": "Ọlá 😀"})
            self.assertEqual((registered.outcome, registered.user.profile.name), ("created", "Ọlá 😀"))
            user = registered.user.id
            self.assertTrue(client.authenticate(email=email, password="a long pass phrase").authenticated)
            self.assertFalse(client.authenticate(email=email, password="another").authenticated)
            changed = client.change_password(
                id=user, current_password="a long pass phrase", new_password="and a longer phrase"
            )
            self.assertTrue(changed.changed)
            updated = client.update(id=user, set={"profile": {"name": None, "nickname": "Ọ"}}).user
            self.assertEqual((updated.profile.name, updated.profile.nickname), (None, "Ọ"))
            self.assertEqual(client.lookup(email=email).user.id, user)
            self.assertEqual(list(updated.accounts), ["soko"])

    def test_a_problem_has_its_code_and_the_id_of_the_request(self):
        with self.assertRaises(ApiError) as raised:
            self.client(COMPANY, FIRST).lookup(username="an-unknown-name")
        error = raised.exception
        self.assertEqual((error.code, error.status, error.is_signed, error.region), ("user_not_found", 404, True, FIRST))
        self.assertIn(error.request_id, str(error))

    def test_a_wrong_api_key_is_an_error_without_a_signature(self):
        stranger = Company.from_dict(json.loads(pathlib.Path(FILE).read_text()) | {"api_key": "wrong"})
        with self.assertRaises(ApiError) as raised:
            self.client(stranger, FIRST).lookup(username="x")
        self.assertEqual((raised.exception.code, raised.exception.is_signed), ("unauthorized", False))

    def test_a_wrong_clock_is_corrected(self):
        for seconds in (-10_800, 10_800, 36):
            with self.subTest(seconds):
                client = self.client(COMPANY, FIRST, clock=lambda seconds=seconds: time.time() + seconds)
                user = client.register(email=address()).user
                self.assertEqual(client.lookup(id=user.id).user.id, user.id)
                self.assertLess(abs(client.clock_offset + seconds), 3)

    def test_an_answer_that_is_lost_is_asked_for_again_and_nothing_is_done_twice(self):
        client, idk, email = self.client(COMPANY, FIRST), str(uuid.uuid4()), address()
        with self.assertRaises(ApiError):
            client.lookup(username="x")
        disturb("lose/0")
        registered = client.register(email=email, idk=idk)
        again = client.register(email=email, idk=idk)
        self.assertEqual(
            (registered.outcome, again.outcome, again.user.id), ("created", "created", registered.user.id)
        )

    def test_while_a_region_is_out_the_next_one_answers_by_a_token_of_its_own(self):
        client = self.client(COMPANY, FIRST)
        user = client.register(email=address()).user
        disturb("stop/0")
        try:
            answer = client.call("/v1/users/lookup", {"id": user.id, "min_version": user.version})
            self.assertEqual(answer.region, SECOND)
            self.assertEqual(self.client(COMPANY, [FIRST, SECOND]).lookup(id=user.id).user.id, user.id)
            disturb("stop/1")
            with self.assertRaises(NoAnswerError):
                client.lookup(id=user.id)
        finally:
            disturb("start/0")
            disturb("start/1")
        self.assertEqual(client.lookup(id=user.id).user.id, user.id)

    def test_events_come_in_pages_and_a_cursor_of_one_region_continues_in_another_one(self):
        after = int(time.time())
        user = self.client(COMPANY, FIRST).register(email=address()).user
        for page in self.client(COMPANY, FIRST).events(after=after, wait_secs=5):
            if any(event.type == "umoja.user.registered" and event.subject == user.id for event in page.events):
                break
        self.client(COMPANY, FIRST).update(id=user.id, set={"profile": {"name": "Ada"}})
        for page in self.client(COMPANY, [SECOND]).events(cursor=page.cursor):
            if any(event.type == "umoja.user.profile_changed" and event.subject == user.id for event in page.events):
                break
        for page in self.client(COMPANY, FIRST).events(after=after, once=True, limit=1):
            self.assertTrue(page.events)

    def test_accounts_at_a_target_are_asked_for_and_waited_for(self):
        client = self.client(COMPANY, FIRST)
        user = client.register(email=address()).user
        provisioned = client.provision(id=user.id, targets=[TARGET])
        accounts = client.wait_for_provisioning(provisioned.provisioning.ticket).accounts
        self.assertEqual([(account.target, account.state) for account in accounts], [(TARGET, "done")])

    def test_webhooks_are_verified_by_the_secret_and_by_the_key_of_the_region(self):
        secret = json.loads(pathlib.Path(os.environ["UMOJA_WEBHOOK"]).read_text())["secret"]
        self.client(COMPANY, FIRST).register(email=address())
        arrived = []
        while not arrived:
            with urllib.request.urlopen(f"{CONTROL}/webhooks") as answer:
                arrived = json.load(answer)
        headers, body = arrived[-1]["headers"], arrived[-1]["body"]
        event = umoja.verify_webhook(body, headers, secret)
        self.assertTrue(event.type.startswith("umoja.user."))
        self.assertEqual(self.client(COMPANY, FIRST).verify_webhook(body, headers), event)
        with self.assertRaises(umoja.WebhookRejectedError):
            self.client(COMPANY, FIRST).verify_webhook(body + " ", headers)

    def test_the_async_client_does_the_same(self):
        async def story():
            async def sign(data):
                await asyncio.sleep(0)
                return COMPANY.sign(data)

            company = Company(id=COMPANY.id, api_key=COMPANY.api_key, kid=COMPANY.kid, alg=COMPANY.alg, sign=sign)
            async with AsyncUmoja(company, FIRST, clock=lambda: time.time() - 7200) as client:
                users = await asyncio.gather(*(client.register(email=address()) for _ in range(5)))
                after = int(time.time()) - 60
                disturb("stop/0")
                try:
                    found = await client.lookup(id=users[0].user.id, min_version=users[0].user.version)
                finally:
                    disturb("start/0")
                self.assertEqual(found.user.id, users[0].user.id)
                async for page in client.events(after=after):
                    self.assertTrue(page.cursor)
                    break
                provisioned = await client.provision(id=found.user.id, targets=[TARGET])
                state = await client.wait_for_provisioning(provisioned.provisioning.ticket)
                self.assertEqual(state.accounts[0].state, "done")

        asyncio.run(story())


if __name__ == "__main__":
    unittest.main()
