"""The vectors of sdk/vectors, for the installed package."""

import json
import pathlib
import unittest

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.serialization import load_pem_public_key

import umoja
from umoja._messages import Expected, Rejected, b64url, check_answer, check_times, from_b64url, sha256, signing_input

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "vectors"


def vectors(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


class Vectors(unittest.TestCase):
    def test_requests_have_the_same_bytes(self):
        document = vectors("requests")
        for case in document["cases"]:
            with self.subTest(case["name"]):
                company = umoja.Company.from_dict(document["keys"][case["key"]])
                arguments = {name: case.get(name) for name in ("url", "path", "now", "jti", "idk", "body")}
                data = signing_input(company, **arguments)
                self.assertEqual(data.decode(), case["signing_input"])
                signature = company.sign(data)
                if case["token"] is not None:
                    token = f"{data.decode()}.{b64url(signature)}"
                    self.assertEqual((token, sha256(token.encode())), (case["token"], case["rqh"]))
                    continue
                public = load_pem_public_key(document["public_keys"][case["key"]].encode())
                if company.alg == "ES256":
                    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
                    public.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
                else:
                    public.verify(signature, data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())

    def test_answers_are_accepted_or_rejected(self):
        document = vectors("answers")
        request, keys = document["request"], document["jwks"]["keys"]
        for case in document["cases"]:
            with self.subTest(case["name"]):
                expected = Expected(request["url"], request["company"], request["jti"], request["rqh"], case["http_status"])
                try:
                    claims = check_answer(case["answer"], keys, expected)
                    check_times(claims, case["now"])
                except Rejected as error:
                    self.assertEqual(error.reason, case.get("rejected"))
                else:
                    self.assertEqual(claims, case.get("claims"))

    def test_webhooks_are_accepted_or_rejected(self):
        document = vectors("webhooks")
        region = document["signed_by_region"]
        held_against = {"keys": region["jwks"]["keys"], "company": region["company"], "regions": region["regions"]}
        for case in document["cases"]:
            with self.subTest(case["name"]):
                self.expect(case, umoja.verify_webhook, document["secret"], now=case["now"])
        for case in region["cases"]:
            with self.subTest(case["name"]):
                self.expect(case, umoja.verify_region_webhook, now=case["now"], **held_against)

    def expect(self, case, verify, *arguments, **named):
        try:
            event = verify(case["body"].encode(), case["headers"], *arguments, **named)
        except umoja.WebhookRejectedError as error:
            self.assertEqual(error.reason, case["rejected"])
        else:
            self.assertIsNone(case["rejected"])
            self.assertEqual((event.type, event.data.changed), ("umoja.user.profile_changed", ["profile.given_name"]))

    def test_base64url_has_one_spelling(self):
        for text in ("A", "AB", "AAA=", "AA==", "A+A_", "ÄAAA", "AA\n"):
            self.assertIsNone(from_b64url(text), text)
        self.assertEqual(from_b64url("AA"), b"\0")


if __name__ == "__main__":
    unittest.main()
