"""Makes an authority with RSA keys, and what it signs, as banks have them.

Usage: rsa_certificates.py FOLDER HOST
Writes bank.pem, host.pem with host.key for the name HOST, and terminal.pem with terminal.key, whose key is in the older
form of PKCS #1.
"""

import datetime
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.timezone.utc)


def certificate(name, key, signer_name, signer_key, *extensions):
    def named(common_name):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])

    builder = x509.CertificateBuilder().subject_name(named(name)).issuer_name(named(signer_name))
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(NOW - datetime.timedelta(days=1)).not_valid_after(NOW + datetime.timedelta(days=90))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(signer_key, hashes.SHA256()).public_bytes(Encoding.PEM)


def main(folder, host):
    authority, host_key, terminal_key = (rsa.generate_private_key(65537, 2048) for _ in range(3))
    names = [x509.SubjectAlternativeName([x509.DNSName(host)])]
    for name, content in [
        ("bank.pem", certificate("Bank", authority, "Bank", authority, x509.BasicConstraints(True, None))),
        ("host.pem", certificate(host, host_key, "Bank", authority, *names)),
        ("host.key", host_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())),
        ("terminal.pem", certificate("TERM0001", terminal_key, "Bank", authority,
                                     x509.SubjectAlternativeName([x509.DNSName("term0001")]))),
        ("terminal.key", terminal_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())),
    ]:
        path = Path(folder) / name
        path.write_bytes(content)
        path.chmod(0o600)


main(*sys.argv[1:])
