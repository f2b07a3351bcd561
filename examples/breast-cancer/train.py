#!/usr/bin/python3
"""train.py - trains the breast-cancer classifier and writes every file of this folder.

    /usr/bin/python3 examples/breast-cancer/train.py        (Debian: python3-sklearn, python3-onnx)

A multi-layer perceptron on standardised features. The standardisation is the first two nodes of
the ONNX graph, so that whoever uses the model sends the features as they were measured. All seeds
are fixed; another version of scikit-learn or BLAS may still round differently, which is why
model.onnx and expected.csv are always written together.
"""

import csv
import pathlib

import numpy
import onnx
import sklearn.datasets
from onnx import TensorProto, helper, numpy_helper
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

HERE = pathlib.Path(__file__).resolve().parent
SEED = 20
HELD_OUT = 143  # of 569


def read_data():
    """The rows as printed in scikit-learn's copy of the file, so that inputs.csv repeats them."""
    source = pathlib.Path(sklearn.datasets.__file__).parent / "data" / "breast_cancer.csv"
    with source.open(newline="") as file:
        rows = list(csv.reader(file))
    classes = rows[0][2:]  # first line: rows, columns, class names
    text = [row[:-1] for row in rows[1:]]
    labels = numpy.array([int(row[-1]) for row in rows[1:]])
    assert len(text) == int(rows[0][0]) and all(len(row) == int(rows[0][1]) for row in text)
    return text, labels, classes


def build_graph(scaler, network, classes):
    """Sub, Div, then Gemm and Relu per hidden layer, Gemm, Softmax."""
    nodes, weights = [], []

    def constant(name, values):
        weights.append(numpy_helper.from_array(numpy.asarray(values, dtype=numpy.float32), name))
        return name

    nodes.append(helper.make_node("Sub", ["features", constant("mean", scaler.mean_)], ["centred"]))
    nodes.append(helper.make_node("Div", ["centred", constant("scale", scaler.scale_)], ["x0"]))
    last = len(network.coefs_) - 1
    for i, (weight, bias) in enumerate(zip(network.coefs_, network.intercepts_)):
        if i == last:
            # scikit-learn has one logit z for two classes, and softmax(-z/2, z/2) is its answer.
            weight, bias = (numpy.concatenate([-v / 2, v / 2], axis=-1) for v in (weight, bias))
        out = "logits" if i == last else f"h{i}"
        inputs = [f"x{i}", constant(f"w{i}", weight), constant(f"b{i}", bias)]
        nodes.append(helper.make_node("Gemm", inputs, [out]))
        if i != last:
            nodes.append(helper.make_node("Relu", [out], [f"x{i + 1}"]))
    nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1))

    columns = len(scaler.mean_)
    graph = helper.make_graph(
        nodes, "breast-cancer",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", columns])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", len(classes)])],
        weights)
    model = helper.make_model(graph, producer_name="tacit-examples",
                              opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    helper.set_model_props(model, {"labels": ",".join(classes)})
    onnx.checker.check_model(model, full_check=True)
    return model


def write_csv(name, header, rows):
    with (HERE / name).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main():
    text, labels, classes = read_data()
    train, held_out = train_test_split(numpy.arange(len(text)), test_size=HELD_OUT,
                                       stratify=labels, random_state=SEED)
    held_out.sort()
    features = numpy.array(text, dtype=numpy.float64)
    scaler = StandardScaler().fit(features[train])
    network = MLPClassifier(hidden_layer_sizes=(32, 16), alpha=1.0, max_iter=2000,
                            random_state=SEED)
    network.fit(scaler.transform(features[train]), labels[train])

    expected = network.predict_proba(scaler.transform(features[held_out]))
    right = int((expected.argmax(axis=1) == labels[held_out]).sum())
    print(f"held out: {right} of {len(held_out)} right ({right / len(held_out):.1%})")

    names = [name.replace(" ", "_") for name in sklearn.datasets.load_breast_cancer().feature_names]
    onnx.save(build_graph(scaler, network, classes), HERE / "model.onnx")
    write_csv("inputs.csv", names, [text[i] for i in held_out])
    write_csv("labels.csv", ["label"], [[classes[labels[i]]] for i in held_out])
    write_csv("expected.csv", classes, [[f"{p:.9f}" for p in row] for row in expected])


if __name__ == "__main__":
    main()
