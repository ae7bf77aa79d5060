"""Calls of the GPS service are signed; what is not is refused."""

from odoo.tests import BaseCase

from ..models.gps_signature import CallRefused, sign, verify

NOW = 1_780_000_000
# printf '1780000000.{}' | openssl dgst -sha256 -hmac key
DIGEST = "91c687852de220478a081e66b99a949dbf2f672c4122086cb089001817d29992"
BODY = b'{"positions": []}'


class TestGpsSignature(BaseCase):
    def refusal(self, *args):
        with self.assertRaises(CallRefused) as refused:
            verify(*args)
        return refused.exception.status, refused.exception.code

    def test_signature_is_hmac_sha256_over_timestamp_dot_body(self):
        self.assertEqual(sign(b"key", "1780000000", b"{}"), "v1=" + DIGEST)

    def test_either_key_is_accepted_during_a_rotation(self):
        for key in (b"new", b"old"):
            verify((b"new", b"old"), str(NOW), sign(key, str(NOW), BODY), BODY, NOW)

    def test_without_a_key_nothing_is_accepted(self):
        signature = sign(b"", str(NOW), BODY)
        self.assertEqual(
            self.refusal((), str(NOW), signature, BODY, NOW), (503, "not_configured")
        )

    def test_bad_signatures(self):
        good = sign(b"key", str(NOW), BODY)
        cases = {
            "other key": (str(NOW), sign(b"other", str(NOW), BODY), BODY),
            "changed body": (str(NOW), good, BODY + b" "),
            "changed timestamp": (str(NOW + 1), good, BODY),
            "no signature": (str(NOW), "", BODY),
            "not ASCII": (str(NOW), "v1=é", BODY),
            "other version": (str(NOW), good.replace("v1=", "v2="), BODY),
            "upper case": (str(NOW), good.upper(), BODY),
            "no timestamp": ("", sign(b"key", "", BODY), BODY),
            "signed nonsense": ("soon", sign(b"key", "soon", BODY), BODY),
        }
        for name, (timestamp, signature, body) in cases.items():
            with self.subTest(name):
                self.assertEqual(
                    self.refusal((b"key",), timestamp, signature, body, NOW),
                    (401, "bad_signature"),
                )

    def test_timestamps_are_good_for_five_minutes_each_way(self):
        for difference in (-300, 300):
            timestamp = str(NOW + difference)
            verify((b"key",), timestamp, sign(b"key", timestamp, BODY), BODY, NOW)
        for difference in (-301, 301):
            timestamp = str(NOW + difference)
            self.assertEqual(
                self.refusal(
                    (b"key",), timestamp, sign(b"key", timestamp, BODY), BODY, NOW
                ),
                (401, "stale_timestamp"),
            )
