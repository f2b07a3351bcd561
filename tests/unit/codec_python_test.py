"""The C codec and Python's msgpack agree on the sample record, byte for byte.

TACIT_CODEC_TOOL names the program of codec_tool.c.
"""

import os
import random
import subprocess
import unittest

import msgpack

TOOL = os.environ["TACIT_CODEC_TOOL"]

SAMPLE = {
    1: True, 2: 255, 3: 65535, 4: 2**32 - 1, 5: 2**64 - 1, 6: -(2**31), 7: -(2**63), 8: -0.5,
    9: "grüß", 10: b"\x00\xff\x7f", 11: 5, 12: {1: 2**31 - 1, 2: "here"}, 13: [0, 127, 2**32 - 1],
    14: [{1: -1, 2: "a"}, {1: -(2**31), 2: ""}], 15: ["eins", "zwölf"], 16: 65536, 17: "perhaps",
    300: {1: 7, 2: "there"},
}


def copy(data):
    return subprocess.run([TOOL, "copy"], input=data, capture_output=True, check=False)


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def random_integer(generator, low, high):
    edges = [0, 1, -1, 31, 32, -32, -33, 127, 128, -128, -129, 255, 256, 32767, 32768, 65535, 65536,
             2**31 - 1, 2**31, 2**32 - 1, 2**32, low, high]
    return generator.choice([e for e in edges if low <= e <= high] + [generator.randint(low, high)])


def random_point(generator):
    return {1: random_integer(generator, -(2**31), 2**31 - 1), 2: generator.choice(["", "x", "äöü€"[:3]])}


def random_sample(generator):
    u32 = (0, 2**32 - 1)
    sample = {
        1: generator.random() < 0.5,
        2: random_integer(generator, 0, 255),
        3: random_integer(generator, 0, 65535),
        4: random_integer(generator, *u32),
        5: random_integer(generator, 0, 2**64 - 1),
        6: random_integer(generator, -(2**31), 2**31 - 1),
        7: random_integer(generator, -(2**63), 2**63 - 1),
        8: generator.choice([0.0, -0.0, 1e300, float("inf"), generator.random()]),
        9: generator.choice(["a", "12345678", "\U0001f600", "ü\x01\x7f"]),
        10: generator.randbytes(generator.randint(2, 16)),
        11: generator.choice([1, 5, 9]),
        12: random_point(generator),
        13: [random_integer(generator, *u32) for _ in range(generator.randint(0, 4))],
        14: [random_point(generator) for _ in range(generator.randint(0, 4))],
        15: ["n" * generator.randint(0, 8) for _ in range(generator.randint(0, 4))],
    }
    for number, value in ((16, random_integer(generator, *u32)), (17, "p"), (300, random_point(generator))):
        if generator.random() < 0.5:
            sample[number] = value
    return sample


class Codec(unittest.TestCase):
    def test_python_reads_what_c_writes(self):
        written = subprocess.run([TOOL, "write"], capture_output=True, check=True).stdout
        self.assertEqual(msgpack.unpackb(written, raw=False, strict_map_key=False), SAMPLE)
        self.assertEqual(pack(SAMPLE), written)

    def test_random_records_come_back_unchanged(self):
        generator = random.Random(1)
        for _ in range(100):
            data = pack(random_sample(generator))
            result = copy(data)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(result.stdout, data)

    def test_order_and_unknown_fields_do_not_matter(self):
        newer = dict(reversed(list(SAMPLE.items()))) | {40: [1, {"k": None}], 41: b"x"}
        self.assertEqual(copy(pack(newer)).stdout, pack(SAMPLE))

    def test_what_breaks_a_bound_is_refused_by_its_name(self):
        for number, value, claim in (
            (2, 256, "small"), (2, -1, "small"), (6, 2**31, "signed32"), (7, 2**63, "signed64"),
            (9, "", "text"), (9, "123456789", "text"), (9, b"bytes", "text"), (10, b"1", "blob"),
            (10, "str", "blob"), (11, 2, "color"), (13, [0] * 5, "numbers"), (13, [-1], "numbers"),
            (12, {1: 0}, "label"), (8, 1, "real"), (1, 1, "flag"), (1, None, "flag"),
        ):
            with self.subTest(number=number, value=value):
                result = copy(pack(SAMPLE | {number: value}))
                self.assertEqual(result.returncode, 1)
                self.assertEqual(result.stderr.decode().split(), ["bad_input", claim])

    def test_extensions_are_refused(self):
        self.assertEqual(copy(pack(SAMPLE | {40: msgpack.ExtType(1, b"x")})).returncode, 1)
        self.assertEqual(copy(pack(SAMPLE | {40: msgpack.Timestamp(1)})).returncode, 1)


if __name__ == "__main__":
    unittest.main()
