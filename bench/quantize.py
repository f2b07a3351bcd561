#!/usr/bin/python3
"""quantize.py - what `tacit-mlowner quantize` costs in accuracy, for networks that learned something.

    quantize.py BIN FOLDER      BIN: the folder of tacit-mlowner; models and data go into FOLDER
    (Debian: python3-sklearn for the data, python3-torch, python3-onnx; nothing else needs them)

Small networks of usual kinds learn scikit-learn's handwritten digits. They are quantized by 512 of the images that they
learned from, and judged by 360 that nobody saw before. A row for each: accuracy in float32, in 8 bits, and in how
many of the 360 the digit is the same.
"""

import json
import pathlib
import subprocess
import sys

import numpy
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional

EPOCHS, BATCH, SEED, HELD_OUT, ROWS = 25, 64, 3, 360, 512


def unit(inside, outside, kernel, groups=1, act=nn.ReLU):
    return nn.Sequential(nn.Conv2d(inside, outside, kernel, 1, kernel // 2, groups=groups, bias=False),
                         nn.BatchNorm2d(outside), act())


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = unit(channels, channels, 3)
        self.second = unit(channels, channels, 3, act=nn.Identity)

    def forward(self, x):
        return torch.relu(x + self.second(self.first(x)))


class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels // 4, 1), nn.ReLU(),
                                    nn.Conv2d(channels // 4, channels, 1), nn.Hardsigmoid())

    def forward(self, x):
        return x * self.layers(x)


class Inverted(nn.Module):
    def __init__(self, inside, outside, expand, act, gated=False):
        super().__init__()
        hidden = inside * expand
        self.layers = nn.Sequential(unit(inside, hidden, 1, act=act), unit(hidden, hidden, 3, hidden, act),
                                    Gate(hidden) if gated else nn.Identity(), unit(hidden, outside, 1, act=nn.Identity))
        self.same = inside == outside

    def forward(self, x):
        return x + self.layers(x) if self.same else self.layers(x)


class Encoder(nn.Module):
    """A layer of a transformer, written out: torch exports its own as one operator."""

    def __init__(self, size, heads):
        super().__init__()
        self.heads = heads
        self.inner, self.outer = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.wide, self.back = nn.Linear(size, 2 * size), nn.Linear(2 * size, size)
        self.norms = nn.ModuleList([nn.LayerNorm(size), nn.LayerNorm(size)])

    def forward(self, x):
        tokens, size = x.shape[1], x.shape[2]
        parts = self.inner(x).reshape(-1, tokens, 3, self.heads, size // self.heads).permute(2, 0, 3, 1, 4)
        seen = torch.softmax(parts[0] @ parts[1].transpose(-1, -2) / (size // self.heads) ** 0.5, -1) @ parts[2]
        x = self.norms[0](x + self.outer(seen.permute(0, 2, 1, 3).reshape(-1, tokens, size)))
        return self.norms[1](x + self.back(functional.gelu(self.wide(x))))


class Transformer(nn.Module):
    """A line of a picture is a token."""

    def __init__(self, size=48):
        super().__init__()
        self.embed, self.places = nn.Linear(8, size), nn.Parameter(torch.randn(8, size) * 0.02)
        self.layers, self.end = nn.Sequential(Encoder(size, 4), Encoder(size, 4)), nn.Linear(size, 10)

    def forward(self, x):
        return self.end(self.layers(self.embed(x[:, 0]) + self.places).mean(1))


def network(*layers, channels):
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


NETWORKS = {
    "residual": lambda: network(unit(1, 16, 3), Residual(16), nn.MaxPool2d(2), unit(16, 32, 3), Residual(32), Residual(32),
                                channels=32),
    "mobile, ReLU6": lambda: network(unit(1, 16, 3, act=nn.ReLU6), Inverted(16, 16, 6, nn.ReLU6), Inverted(16, 24, 6, nn.ReLU6),
                                     Inverted(24, 24, 6, nn.ReLU6), unit(24, 64, 1, act=nn.ReLU6), channels=64),
    "mobile, HardSwish, gates": lambda: network(unit(1, 16, 3, act=nn.Hardswish), Inverted(16, 16, 4, nn.Hardswish, True),
                                                Inverted(16, 24, 4, nn.Hardswish, True), channels=24),
    "mobile, SiLU, gates": lambda: network(unit(1, 16, 3, act=nn.SiLU), Inverted(16, 16, 4, nn.SiLU, True),
                                           Inverted(16, 24, 4, nn.SiLU, True), channels=24),
    "MLP": lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.Tanh(), nn.Linear(128, 64), nn.GELU(), nn.Linear(64, 10)),
    "transformer": Transformer,
}


def learn(model, images, labels):
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
        schedule.step()
    model.eval()


def said(program, *arguments):
    return json.loads(subprocess.run([program, *map(str, arguments), "--json"], check=True, capture_output=True, text=True).stdout)


def main(program, folder):
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    data = load_digits()
    images, labels = torch.tensor(data.images / 16, dtype=torch.float32)[:, None], torch.tensor(data.target)
    train, held = train_test_split(numpy.arange(len(images)), test_size=HELD_OUT, stratify=data.target, random_state=SEED)
    numpy.save(folder / "rows.npy", images[train[:ROWS]].numpy())
    numpy.save(folder / "held.npy", images[held].numpy())
    numpy.save(folder / "labels.npy", labels[held].numpy())
    print(f"| {'network':<24} | method     | float32 | 8 bits  | same |")
    for name, make in NETWORKS.items():
        model = make()
        learn(model, images[train], labels[train])
        path, made = folder / "real.onnx", folder / "bytes.onnx"
        torch.onnx.export(model, images[:1], path, opset_version=14, input_names=["x"], output_names=["y"],
                          dynamic_axes={"x": {0: "N"}, "y": {0: "N"}})
        for method in ("minmax", "percentile"):
            said(program, "quantize", path, "--data", folder / "rows.npy", "--out", made, "--method", method, "--force")
            told = said(program, "inspect", made, "--precision", "int8", "--data", folder / "held.npy", "--labels",
                        folder / "labels.npy", "--against", path)["comparison"]
            shares = [f"{100 * told[key] / HELD_OUT:6.2f}%" for key in ("right_fp32", "right")]
            print(f"| {name:<24} | {method:<10} | {shares[0]} | {shares[1]} | {told['same_class']:>4} |", flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) / "tacit-mlowner", pathlib.Path(sys.argv[2]))
