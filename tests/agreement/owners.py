"""Float32 networks that `tacit-mlowner quantize` made 8-bit models of, by the inputs that they are then run on.

What stays in float32 between bytes may fall on the other side of a tie there and here: a step, which later layers carry on.
"""

import os
import pathlib
import subprocess
import tempfile

import numpy
import onnx

import exports
import networks
import sequences
from quantized import STEPS

MLOWNER = pathlib.Path(os.environ.get("TACIT_BIN", "")) / "tacit-mlowner"
NAMES = ("resnet18", "mobilenet-v3-small", "squeezenet", "shufflenet-v2", "inception-v1", "alexnet", "export-tensorflow-11",
         "export-pytorch-ir3-9", "export-bert-13", "export-yolo", "export-convnext", "export-gpt2-11", "bert", "vision-transformer",
         "mlp-matmul", "text-cnn")
SOURCES = {**exports.MODELS, **networks.MODELS, **sequences.MODELS}


def _made(name):
    model, feeds = SOURCES[name]()[:2]
    with tempfile.TemporaryDirectory() as folder:
        real, quantized = f"{folder}/real.onnx", f"{folder}/quantized.onnx"
        onnx.save(model, real)
        command = [MLOWNER, "quantize", real, "--out", quantized]
        for i, array in enumerate(feeds.values()):
            numpy.save(f"{folder}/{i}.npy", array)
            command += ["--data", f"{folder}/{i}.npy"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return onnx.load(quantized), feeds


MODELS = {f"owner-{name}": (lambda name=name: _made(name)) for name in NAMES}
LIMITS = {name: STEPS for name in MODELS}
