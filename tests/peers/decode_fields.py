"""Decodes an ISO 8583 message with pyiso8583.

Usage: decode_fields.py DIALECT, the message in hexadecimal on standard input. Prints the message type as field 0 and
each field, one a line: number, a space, value. Binary fields are printed in hexadecimal.
"""

import copy
import sys

import iso8583
from iso8583.specs import default, default_ascii

PACKED = "t 3 4 7 11 12 13 14 18 19 22 23 24 25 49 53 70 90".split()
PACKED_VARIABLE = "2 32 33 35".split()


def bcd():
    """pyiso8583's own specification, with digits packed two in a byte."""
    spec = copy.deepcopy(default)
    for number in PACKED + PACKED_VARIABLE:
        spec[number].update(data_enc="b", len_count="nibbles", left_pad="0")
    for field in spec.values():
        if field["len_type"] > 0:
            field.update(len_enc="bcd", len_type=field["len_type"] // 2 + field["len_type"] % 2)
    return spec


def of_1993():
    """pyiso8583's own specification, with the fields that ISO 8583:1993 changed."""
    spec = copy.deepcopy(default)
    for number, length in {"12": 12, "22": 12, "25": 4, "26": 4, "39": 3}.items():
        spec[number].update(max_len=length)
    for number, length in {"43": 99, "44": 99, "56": 35}.items():
        spec[number].update(len_type=2, max_len=length)
    return spec


def main():
    spec = {"iso-1993": of_1993, "ascii": lambda: copy.deepcopy(default_ascii), "ascii-binary": lambda: copy.deepcopy(default), "bcd": bcd}
    spec = spec[sys.argv[1]]()
    spec["55"]["max_len"] = 999
    message = bytes.fromhex(sys.stdin.read().strip())
    decoded, _ = iso8583.decode(message, spec)
    print(0, decoded["t"])
    for number in sorted(int(key) for key in decoded if key.isdigit() and key != "1"):
        print(number, decoded[str(number)])


if __name__ == "__main__":
    main()
