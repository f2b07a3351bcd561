#!/usr/bin/python3
"""agreement.py - runs seeded random models of every kind with Tacit's engine and with ONNX Runtime.

    agreement.py FOLDER [NAME..]     the models whose names contain one of them (all); FOLDER gets
                                     models and answers; NODE_PATH says where onnxruntime-node is

A row per model: the largest difference of any output, over that output's largest number. It fails
where one is above 1e-4 (integers: any; deep networks over bytes: see quantized.py), or where Tacit refuses what ONNX Runtime runs. As a control
each model's answers are compared with themselves, altered: that must fail. TACIT_BIN names the
folder of tacit-mlowner.
"""

import json
import os
import pathlib
import subprocess
import sys

import numpy

import exports
import networks
import operators
import owners
import quantized
import quantizers
import sequences
import tables

LIMIT = 1e-4
BACKENDS = ("onednn", "portable")
LIMITS = {**owners.LIMITS, **quantized.LIMITS, **quantizers.LIMITS}
HERE = pathlib.Path(__file__).parent
MODELS = {**exports.MODELS, **networks.MODELS, **operators.MODELS, **sequences.MODELS, **tables.MODELS, **quantized.MODELS,
          **quantizers.MODELS, **owners.MODELS}
TYPES = {"float32": numpy.float32, "float64": numpy.float64, "int64": numpy.int64,
         "int32": numpy.int32, "uint8": numpy.uint8, "int8": numpy.int8, "bool": numpy.bool_}


def write_models(folder, names):
    """Each model in a folder of its own, with its inputs; what reference.js needs to know."""
    entries = []
    for name, make in MODELS.items():
        if names and not any(part in name for part in names):
            continue
        made = make()
        model, feeds = made[:2]
        reference = made[2] if len(made) > 2 else model
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "model.onnx").write_bytes(model.SerializeToString())
        (place / "reference.onnx").write_bytes(reference.SerializeToString())
        inputs = []
        for i, (key, array) in enumerate(feeds.items()):
            numpy.save(place / f"input_{i}.npy", array)
            (place / f"input_{i}.bin").write_bytes(array.tobytes())
            inputs.append({"name": key, "file": str(place / f"input_{i}.bin"),
                           "type": str(array.dtype), "shape": list(array.shape)})
        entries.append({"name": name, "place": str(place), "file": str(place / "reference.onnx"),
                     "inputs": inputs, "outputs": [value.name for value in reference.graph.output]})
    return entries


def run_reference(folder, entries):
    (folder / "list.json").write_text(json.dumps(entries))
    subprocess.run(["node", str(HERE / "reference.js"), str(folder / "list.json")], check=True)


def reference_of(entry):
    """The reference's answers as arrays, or why there are none."""
    answer = json.loads(pathlib.Path(entry["file"] + ".json").read_text())
    if "error" in answer:
        return answer["error"]
    arrays = []
    for value in answer["outputs"]:
        if "texts" in value:
            arrays.append(value["texts"])
        else:
            content = numpy.fromfile(value["file"], dtype=TYPES[value["type"]])
            arrays.append(content.reshape(value["shape"]))
    return arrays


def run_tacit(entry, backend):
    place = pathlib.Path(entry["place"])
    out = place / backend
    out.mkdir(exist_ok=True)
    for old in out.glob("*.npy"):
        old.unlink()
    command = [os.path.join(os.environ["TACIT_BIN"], "tacit-mlowner"), "inspect", "--json",
               "--backend", backend, "--out", str(out), str(place / "model.onnx")]
    for i in range(len(entry["inputs"])):
        command += ["--run", str(place / f"input_{i}.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return (done.stderr.strip() or done.stdout.strip() or "it failed")[:300]
    return [numpy.load(out / f"output_{i}.npy") for i in range(len(entry["outputs"]))], \
        json.loads(done.stdout)


def difference(got, expected):
    """Relative to the largest number; infinite where type or shape differ."""
    if got.dtype != expected.dtype or got.shape != expected.shape:
        return float("inf")
    if got.dtype.kind != "f":
        return 0.0 if numpy.array_equal(got, expected) else float("inf")
    wide, reference = got.astype(numpy.float64), expected.astype(numpy.float64)
    if not numpy.array_equal(numpy.isfinite(wide), numpy.isfinite(reference)):
        return float("inf")
    finite = numpy.isfinite(reference)
    if not finite.any():
        return 0.0
    largest = max(numpy.abs(reference[finite]).max(), 1e-30)
    return float(numpy.abs(wide[finite] - reference[finite]).max() / largest)


def compare(result, expected):
    arrays, said = result
    worst = 0.0
    labels = said.get("labels") or []
    labels = labels.split(",") if isinstance(labels, str) else labels
    for got, reference in zip(arrays, expected):
        if isinstance(reference, list):     # text labels: Tacit's are positions in the model's
            named = [labels[i] if i < len(labels) else None for i in got.ravel()]
            worst = max(worst, 0.0 if named == reference else float("inf"))
        else:
            worst = max(worst, difference(got, reference))
    return worst


def altered_is_caught(expected, limit):
    for reference in expected:
        if isinstance(reference, list) or reference.size == 0:
            continue
        altered = reference.copy()
        place = numpy.unravel_index(numpy.argmax(numpy.abs(altered.astype(numpy.float64))),
                                    altered.shape) if altered.ndim else ()
        if altered.dtype.kind == "f":
            altered[place] = altered[place] * (1 + 10 * limit) + 1e-20
        else:
            altered[place] = not altered[place] if altered.dtype.kind == "b" else altered[place] + 1
        if difference(altered, reference) <= limit:
            return False
    return True


def judge(entry):
    """The row, and whether it is as it must be."""
    expected = reference_of(entry)
    limit = LIMITS.get(entry["name"], LIMIT)
    cells, fine = [], True
    for backend in BACKENDS:
        result = run_tacit(entry, backend)
        if isinstance(expected, str):
            cells.append("reference fails: " + expected[:120])
            return cells, False
        if isinstance(result, str):
            cells.append("refused: " + result)
            fine = False
            continue
        worst = compare(result, expected)
        cells.append(f"{worst:.1e}")
        fine = fine and worst <= limit
    if not altered_is_caught(expected, limit):
        cells.append("an altered answer passed")
        fine = False
    return cells, fine


def main(folder, names):
    entries = write_models(folder / "models", names)
    run_reference(folder, entries)
    failed = 0
    print(f"{'model':<34} {BACKENDS[0]:>10} {BACKENDS[1]:>10}")
    for entry in entries:
        cells, fine = judge(entry)
        failed += not fine
        row = f"{entry['name']:<34} " + " ".join(f"{cell:>10}" for cell in cells)
        print(row + ("" if fine else "   <-- WRONG"), flush=True)
    print(f"{len(entries) - failed} of {len(entries)} models agree with ONNX Runtime to {LIMIT:g} of their "
          f"largest output ({len(LIMITS)} over bytes: to {max(LIMITS.values()):g})")
    return 1 if failed or not entries else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]))
