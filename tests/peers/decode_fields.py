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


def main():
    spec = {"ascii": lambda: copy.deepcopy(default_ascii), "ascii-binary": lambda: copy.deepcopy(default), "bcd": bcd}
    spec = spec[sys.argv[1]]()
    spec["55"]["max_len"] = 999
    message = bytes.fromhex(sys.stdin.read().strip())
    decoded, _ = iso8583.decode(message, spec)
    print(0, decoded["t"])
    for number in sorted(int(key) for key in decoded if key.isdigit() and key != "1"):
        print(number, decoded[str(number)])


if __name__ == "__main__":
    main()
