#!/usr/bin/python3
"""train.py - trains the handwritten-digit classifier and writes every file of this folder.

    /usr/bin/python3 examples/digits/train.py
    (Debian: python3-sklearn for the data, python3-torch, python3-onnx, python3-pil)

A small convolutional network. It learns from pixel/255 of the very PNG images that a user sends,
so that training and inference see the same numbers. All seeds are fixed and one thread is used;
another version of torch may still round differently, which is why model.onnx and expected.csv
are always written together.
"""

import csv
import io
import pathlib

import numpy
import onnx
import torch
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = pathlib.Path(__file__).resolve().parent
SEED = 8
HELD_OUT = 180  # of 1797
EPOCHS = 40
BATCH = 32


def network():
    """Logits; Softmax is added for inference, as cross-entropy has it built in."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, kernel_size=3, padding=1), torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(16, 32, kernel_size=3, padding=1), torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(32 * 4 * 4, 10))


def learn(model, images, labels):
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
        schedule.step()


def save_onnx(model, images):
    buffer = io.BytesIO()
    torch.onnx.export(model, images[:1], buffer, opset_version=13, input_names=["image"],
                      output_names=["probabilities"],
                      dynamic_axes={"image": {0: "N"}, "probabilities": {0: "N"}})
    graph = onnx.load_model_from_string(buffer.getvalue())
    onnx.helper.set_model_props(graph, {"labels": ",".join(str(digit) for digit in range(10))})
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, HERE / "model.onnx")


def write_csv(name, header, rows):
    with (HERE / name).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main():
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)

    data = load_digits()
    pixels = numpy.rint(data.images * 255 / 16).astype(numpy.uint8)
    images = torch.from_numpy(pixels.astype(numpy.float32) / numpy.float32(255)).unsqueeze(1)
    labels = torch.from_numpy(data.target)
    train, held_out = train_test_split(numpy.arange(len(pixels)), test_size=HELD_OUT,
                                       stratify=data.target, random_state=SEED)
    held_out.sort()

    model = network()
    learn(model, images[train], labels[train])
    model = torch.nn.Sequential(*model, torch.nn.Softmax(dim=1)).eval()
    with torch.no_grad():
        expected = model(images[held_out])
    right = int((expected.argmax(dim=1) == labels[held_out]).sum())
    print(f"held out: {right} of {len(held_out)} right ({right / len(held_out):.1%})")

    save_onnx(model, images)
    (HERE / "images").mkdir(exist_ok=True)
    names = [f"{i:03}.png" for i in range(len(held_out))]
    for name, i in zip(names, held_out):
        Image.fromarray(pixels[i], mode="L").save(HERE / "images" / name, optimize=True)
    write_csv("labels.csv", ["file", "label"],
              [[f"images/{name}", data.target[i]] for name, i in zip(names, held_out)])
    write_csv("expected.csv", range(10), [[f"{p:.9f}" for p in row] for row in expected.tolist()])


if __name__ == "__main__":
    main()
