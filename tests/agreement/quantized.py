"""Networks over 8-bit numbers: those of the benchmarks, in both forms, on random pictures.

Products and convolutions agree to the byte. ONNX Runtime adds maps in fixed point, and may differ by
a step of the grid in a few places, which later layers carry on: such networks may differ by a few
steps of the output's grid of 256.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx

BUILD = pathlib.Path(__file__).resolve().parents[2] / "bench" / "models" / "build.py"
STEPS = 4 / 128  # of the largest number


def _made(name, shape, words=0):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(BUILD), folder, name], check=True)
        model = onnx.load(f"{folder}/{name}.onnx")
    draw = numpy.random.default_rng(7)
    x = draw.integers(0, words, shape) if words else draw.standard_normal(shape).astype(numpy.float32)
    return model, {"x": x}


SHAPES = {"cnn_small": (3, 3, 32, 32), "mobilenetv2": (1, 3, 224, 224), "resnet50": (1, 3, 224, 224)}
MODELS = {f"{name}_{form}": (lambda name=name, form=form: _made(f"{name}_{form}", SHAPES[name]))
          for name in SHAPES for form in ("qlinear", "qdq")}
MODELS["transformer_dynamic"] = lambda: _made("transformer_dynamic", (3, 64), 1000)
LIMITS = {name: STEPS for name in MODELS if name.startswith(("mobilenetv2", "resnet50"))}
