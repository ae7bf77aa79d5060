"""Proof of delivery: what is taken, what is refused, and what follows."""

import base64
import zlib

from odoo.exceptions import UserError
from odoo.tests import tagged

from ..models.tms_pod import MAX_EVIDENCE_BYTES, MAX_PIXELS, evidence_mimetype
from .common import TmsCase, evidence, picture

PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


def huge_png(width, height):
    """Return a PNG of a few bytes that claims to be ``width`` x ``height`` pixels."""

    def chunk(kind, data):
        body = kind + data
        return len(data).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)

    header = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x00\x00\x00\x00"
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@tagged("post_install", "-at_install")
class TestPod(TmsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trip = cls.make_trip("in_transit")

    def assert_refused(self, reason, recipient="Asha Rao", content=None, **values):
        arguments = {"evidence": evidence(content), "filename": "pod.jpg", **values}
        with self.refused(reason):
            self.trip.action_submit_pod(recipient, **arguments)
        self.assertEqual(self.trip.state, "in_transit")
        self.assertFalse(self.trip.pod_ids)

    def test_jpeg_png_and_pdf_are_told_by_their_content(self):
        self.assertEqual(evidence_mimetype(picture("JPEG")), "image/jpeg")
        self.assertEqual(evidence_mimetype(picture("PNG")), "image/png")
        self.assertEqual(evidence_mimetype(PDF), "application/pdf")

    def test_anything_else_is_no_evidence(self):
        for content in (
            b"",
            b"<script>alert(1)</script>",
            b"%PDF-1.4 cut off",
            b"GIF89a" + b"\0" * 50,
            picture("GIF"),
            picture("BMP"),
            picture("PNG")[:20],
            b"\xff\xd8\xff\xe0 not a picture at all",
        ):
            with self.subTest(content=content[:12]):
                self.assertIsNone(evidence_mimetype(content))

    def test_small_file_that_unpacks_into_a_huge_picture_is_refused(self):
        side = int(MAX_PIXELS**0.5) + 1
        self.assertIsNone(evidence_mimetype(huge_png(side, side)))
        self.assertIsNone(evidence_mimetype(huge_png(60000, 60000)))

    def test_delivery_keeps_recipient_evidence_and_the_servers_time(self):
        content = picture("PNG")
        self.trip.action_submit_pod(" Asha Rao ", evidence(content), "slip.png")
        pod = self.trip.pod_ids
        self.assertEqual(self.trip.state, "delivered")
        self.assertEqual(pod.recipient_name, "Asha Rao")
        self.assertEqual(pod.mimetype, "image/png")
        self.assertEqual(pod.kind, "photo")
        self.assertEqual(base64.b64decode(pod.evidence), content)
        self.assertTrue(pod.received_at)
        self.assertEqual(pod.submitted_by_id, self.env.user)
        self.assertFalse(pod.verified_by_id)

    def test_pdf_is_kept_as_a_document_and_a_signature_as_one(self):
        self.trip.action_submit_pod("Asha Rao", evidence(PDF), False)
        self.assertEqual(self.trip.pod_ids.kind, "document")
        self.assertEqual(self.trip.pod_ids.filename, "proof of delivery")
        trip = self.make_trip("in_transit")
        trip.action_submit_pod("Asha Rao", evidence(), "s.png", "signature")
        self.assertEqual(trip.pod_ids.kind, "signature")

    def test_recipient_and_evidence_are_mandatory(self):
        self.assert_refused("name of the person", recipient="  ")
        self.assert_refused("Add a photo", evidence=False)

    def test_a_pdf_is_neither_photo_nor_signature(self):
        for kind in ("photo", "signature"):
            with self.subTest(kind=kind):
                self.assert_refused("choose Document", content=PDF, kind=kind)

    def test_unknown_kind_is_refused(self):
        self.assert_refused("photo, a signature or a document", kind="video")

    def test_other_content_is_refused_whatever_its_name(self):
        self.assert_refused("JPG or PNG", content=b"<html></html>")

    def test_damaged_transfer_is_refused(self):
        self.assert_refused("arrived damaged", evidence="%%% no base64 %%%")

    def test_file_above_five_megabytes_is_refused(self):
        padding = PDF[:9] + b"\0" * (MAX_EVIDENCE_BYTES - len(PDF)) + PDF[9:]
        self.assertEqual(len(padding), MAX_EVIDENCE_BYTES)
        self.assert_refused("larger than 5 MB", content=padding + b"\n")
        self.assert_refused("larger than 5 MB", content=padding * 2)
        self.trip.action_submit_pod("Asha Rao", evidence(padding), "large.pdf")
        self.assertEqual(self.trip.state, "delivered")

    def test_pod_is_taken_in_transit_only(self):
        for state in ("planned", "assigned", "on_hold", "delivered", "cancelled"):
            with self.subTest(state=state):
                trip = self.make_trip(state)
                with self.assertRaises(UserError):
                    trip.action_submit_pod("Asha Rao", evidence(), "pod.jpg")

    def test_delivered_by_hand_is_refused_and_says_how(self):
        with self.refused("proof of delivery"):
            self.trip._transition("delivered")

    def test_verification_names_who_and_when(self):
        dispatcher = self.make_user("dispatcher")
        self.trip.action_submit_pod("Asha Rao", evidence(), "pod.jpg")
        self.trip.with_user(dispatcher).action_complete()
        self.assertEqual(self.trip.state, "completed")
        self.assertEqual(self.trip.pod_ids.verified_by_id, dispatcher)
        self.assertTrue(self.trip.pod_ids.verified_at)
