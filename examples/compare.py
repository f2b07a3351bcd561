#!/usr/bin/env python3
"""Compare predictions with the training framework's probabilities and the true labels.

    compare.py PREDICTIONS.csv EXPECTED.csv LABELS.csv [--tolerance 1e-5]

Prints accuracy and the largest difference; exits 1 where that is above the tolerance, or where
rows or classes do not agree. All three are CSV; predictions need one column per class, by name.
"""

import argparse
import csv
import sys


def read(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("predictions")
    parser.add_argument("expected")
    parser.add_argument("labels")
    parser.add_argument("--tolerance", type=float, default=1e-5)
    arguments = parser.parse_args()
    predictions, expected, labels = (read(arguments.predictions), read(arguments.expected),
                                     read(arguments.labels))
    classes = list(expected[0])
    if not len(predictions) == len(expected) == len(labels):
        print(f"compare: {len(predictions)} predictions, {len(expected)} expected, "
              f"{len(labels)} labels", file=sys.stderr)
        return 1
    difference = max(abs(float(got[name]) - float(want[name]))
                     for got, want in zip(predictions, expected) for name in classes)
    right = sum(max(classes, key=lambda name: float(got[name])) == label["label"]
                for got, label in zip(predictions, labels))
    print(f"{len(labels)} rows, accuracy {100 * right / len(labels):.1f} %, "
          f"largest difference from the training framework {difference:.1e}")
    return 0 if difference <= arguments.tolerance else 1


if __name__ == "__main__":
    sys.exit(main())
