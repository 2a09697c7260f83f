"""Verifies the Application Cryptogram in ICC System Related Data (field 55) with pyemv.

Usage: verify_cryptogram.py ISSUER_MASTER_KEY PAN SEQUENCE_NUMBER, the data in hexadecimal on standard input. Prints
the cryptogram version and `verified`, or `wrong`. With ISSUER_AUTHENTICATION_DATA as a fourth argument it checks the
issuer's answer too.
"""

import sys

from pyemv import ac, kd
from pyemv.tlv import decode


def main():
    key, pan, sequence = bytes.fromhex(sys.argv[1]), sys.argv[2], sys.argv[3]
    answer = bytes.fromhex(sys.argv[4]) if len(sys.argv) > 4 else None
    data = decode(bytes.fromhex(sys.stdin.read().strip()))
    iad, arqc, counter = data["9F10"], data["9F26"], data["9F36"]
    book_2 = b"".join(data[tag] for tag in "9F02 9F03 9F1A 95 5F2A 9A 9C 9F37 82 9F36".split())

    if pan[0] == "4":
        version = iad[2]
        if version == 0x0A:
            card = session = kd.derive_icc_mk_a(key, pan, sequence)
            expected = ac.generate_ac(session, book_2 + iad[3:7], ac.PaddingType.VISA)
        elif version == 0x11:
            card = session = kd.derive_icc_mk_a(key, pan, sequence)
            signed = data["9F02"] + data["9F37"] + data["9F36"] + iad[4:5]
            expected = ac.generate_ac(session, signed, ac.PaddingType.VISA)
        else:
            card = kd.derive_icc_mk_b(key, pan, sequence)
            session = kd.derive_common_sk(card, counter + bytes(6))
            expected = ac.generate_ac(session, book_2 + iad, ac.PaddingType.EMV)
    else:
        version = iad[1]
        card = kd.derive_icc_mk_a(key, pan, sequence)
        common = version & 0x04
        session = kd.derive_common_sk(card, counter + bytes(2) + (bytes(4) if common else data["9F37"]))
        counters = iad[10:18] if version & 0x01 else b""
        expected = ac.generate_ac(session, book_2 + iad[2:8] + counters, ac.PaddingType.EMV)

    print(f"version {version:02X}:", "verified" if expected == arqc else "wrong")
    if answer is not None:
        if pan[0] == "4" and version == 0x12:
            right = ac.generate_arpc_2(session, arqc, answer[4:8], answer[8:]) == answer[:4]
        else:
            used = session if pan[0] == "4" or version & 0x04 else card
            right = ac.generate_arpc_1(used, arqc, answer[8:10]) == answer[:8]
        print("answer:", "verified" if right else "wrong")


if __name__ == "__main__":
    main()
