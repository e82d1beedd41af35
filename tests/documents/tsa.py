"""A time-stamping authority on the loopback, good or bad, as the address says: `tsa.py FOLDER` prints its port.

FOLDER gets `trust.pem`, the authority to trust. Ends when its standard input is closed.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from asn1crypto import keys, tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps import DummyTimeStamper

NOW = datetime.now(UTC)
YEAR = timedelta(days=365)
KEY = rsa.generate_private_key(65537, 2048)
STRANGER = rsa.generate_private_key(65537, 2048)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(
    subject: str, *, issuer: str, by: rsa.RSAPrivateKey, ca: bool = False, stamps: bool = True, until: datetime
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key((by if ca else KEY).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 3 * YEAR)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if not ca and stamps:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return builder.sign(by, hashes.SHA256())


CA_KEY = rsa.generate_private_key(65537, 2048)
CA = certificate("Time authority", issuer="Time authority", by=CA_KEY, ca=True, until=NOW + 10 * YEAR)


def stamper(until: datetime = NOW + YEAR, at: datetime | None = None, **given: bool) -> DummyTimeStamper:
    leaf = certificate("Time stamper", issuer="Time authority", by=CA_KEY, until=until, **given)
    return signed_by(leaf, at)


def signed_by(leaf: x509.Certificate, at: datetime | None = None) -> DummyTimeStamper:
    plain = KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return DummyTimeStamper(
        asn1.Certificate.load(leaf.public_bytes(Encoding.DER)), keys.PrivateKeyInfo.load(plain), fixed_dt=at
    )


GOOD = stamper()
STAMPERS = {
    "expired": stamper(until=NOW - YEAR),
    "unfit": stamper(stamps=False),
    "yesterday": stamper(at=NOW - timedelta(days=1)),
    "tomorrow": stamper(at=NOW + timedelta(days=1)),
    "stranger": signed_by(certificate("Time stamper", issuer="Time authority", by=STRANGER, until=NOW + YEAR)),
}
END = threading.Event()


def answer(mode: str, asked: bytes) -> bytes:
    question = tsp.TimeStampReq.load(asked)
    if mode == "imprint":
        question["message_imprint"]["hashed_message"] = b"\1" * 32
    if mode == "nonce":
        question["nonce"] = 1
    if mode == "refused":
        return b"0\x12" + bytes(tsp.PKIStatusInfo({"status": "rejection", "status_string": ["not today"]}).dump())
    said = bytes(STAMPERS.get(mode, GOOD).request_tsa_response(question).dump())
    if mode == "altered":  # the last bytes are the signature's
        said = said[:-5] + bytes(byte ^ 1 for byte in said[-5:])
    return said


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        mode = self.path.strip("/")
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        if mode == "hanging":
            END.wait()
            return
        if mode == "trickling":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            with contextlib.suppress(OSError):
                while not END.wait(0.2):
                    self.wfile.write(b"X: y\r\n")
            return
        said = {"rubbish": b"<html>Service desk</html>", "empty": b"", "endless": b"\x30" * 10_000_000}.get(mode)
        self.send_response(503 if mode == "busy" else 200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.end_headers()
        with contextlib.suppress(OSError):  # whoever asked has heard enough
            self.wfile.write(answer(mode, asked) if said is None else said)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def main() -> None:
    Path(sys.argv[1], "trust.pem").write_bytes(CA.public_bytes(Encoding.PEM))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)  # noqa: T201
    sys.stdin.read()
    END.set()


if __name__ == "__main__":
    main()
