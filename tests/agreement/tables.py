"""Tabular models as scikit-learn's exporter writes them: operators of ai.onnx.ml."""

import itertools

import numpy
from onnx import TensorProto, helper

from graph import DOUBLE, FLOAT, INT32, INT64, ML, STRING, Graph

FEATURES, ROWS = 6, 40


def table(opset=13, ml=3, seed=71, missing=False, kind=FLOAT):
    g = Graph(opset, seed, ml)
    array = g.normal(ROWS, FEATURES)
    if missing:
        array[g.random.random(array.shape) < 0.15] = numpy.nan
    if kind in (INT64, INT32):
        array = (array * 10).astype(numpy.int64 if kind == INT64 else numpy.int32)
    if kind == DOUBLE:
        array = array.astype(numpy.float64)
    return g, g.input("X", [None, FEATURES], array, kind)


def labels(count, text=False):
    if text:
        return {"classlabels_strings": [f"kind {i}" for i in range(count)]}
    if count == 2:      # the reference gives 0 and 1 for two classes, whatever they are called
        return {"classlabels_int64s": [0, 1]}
    return {"classlabels_int64s": [3 * i - 1 for i in range(count)]}


def labels_short(count, text=False):
    named = labels(count, text)
    return {key.replace("int64s", "ints"): value for key, value in named.items()}


class Forest:
    """Random trees as the parallel lists of the operators."""

    def __init__(self, g, trees, depth, ids, scale=1.0, positive=False, modes=("BRANCH_LEQ",), missing=False,
                 gaps=False):
        self.g, self.modes, self.scale, self.positive = g, modes, scale, positive
        self.gaps, self.missing = gaps, missing
        self.lists = {name: [] for name in ("nodeids", "treeids", "featureids", "values", "modes",
                                            "truenodeids", "falsenodeids", "hitrates",
                                            "missing_value_tracks_true")}
        self.leaves = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
        for tree in range(trees):
            self.next = 0
            self.grow(tree, depth, ids)

    def grow(self, tree, depth, ids):
        number, self.next = self.next * (3 if self.gaps else 1), self.next + 1
        random = self.g.random
        leaf = depth == 0 or (depth < 3 and random.random() < 0.2)
        row = len(self.lists["nodeids"])
        mode = "LEAF" if leaf else self.modes[random.integers(len(self.modes))]
        for name, value in (("nodeids", number), ("treeids", tree), ("modes", mode), ("hitrates", 1.0),
                            ("featureids", 0 if leaf else int(random.integers(FEATURES))),
                            ("values", 0.0 if leaf else float(numpy.float32(random.normal()))),
                            ("truenodeids", 0), ("falsenodeids", 0),
                            ("missing_value_tracks_true", int(self.missing and random.random() < 0.5))):
            self.lists[name].append(value)
        if leaf:
            weights = random.normal(size=len(ids)) * self.scale
            weights = numpy.abs(weights) if self.positive else weights
            weights = weights / weights.sum() * self.scale if self.positive and len(ids) > 1 else weights
            for i, weight in zip(ids, weights):
                for name, value in (("treeids", tree), ("nodeids", number), ("ids", i),
                                    ("weights", float(numpy.float32(weight)))):
                    self.leaves[name].append(value)
        else:
            self.lists["truenodeids"][row] = self.grow(tree, depth - 1, ids)
            self.lists["falsenodeids"][row] = self.grow(tree, depth - 1, ids)
        return number

    def attributes(self, kind):
        made = {f"nodes_{name}": items for name, items in self.lists.items()}
        if not self.missing:
            del made["nodes_missing_value_tracks_true"]
        made.update({f"{kind}_{name}": items for name, items in self.leaves.items()})
        return made


def classifier(classes, ids, base=(), transform="NONE", positive=False, scale=1.0, text=False, trees=8,
               depth=4, modes=("BRANCH_LEQ",), missing=False, kind=FLOAT, gaps=False, ml=3, seed=72):
    g, x = table(seed=seed, missing=missing, kind=kind, ml=ml)
    forest = Forest(g, trees, depth, ids, scale, positive, modes, missing, gaps)
    options = {"base_values": list(base)} if len(base) else {}
    y = g.node("TreeEnsembleClassifier", x, outputs=2, domain=ML, post_transform=transform,
               **labels(classes, text), **forest.attributes("class"), **options)
    return g.model(*y, kinds=[STRING if text else INT64, FLOAT], shapes=[[None], [None, classes]])


def regressor(targets=1, base=(), transform="NONE", how="SUM", modes=("BRANCH_LEQ",), missing=False,
              kind=FLOAT, trees=10, depth=5, seed=73, positive=False, tensors=False):
    g, x = table(seed=seed, missing=missing, kind=kind)
    forest = Forest(g, trees, depth, range(targets), 0.3, positive, modes, missing)
    options = {"base_values": list(base)} if len(base) else {}
    made = forest.attributes("target")
    if tensors:
        for name in ("nodes_values", "target_weights", "nodes_hitrates"):
            made[name + "_as_tensor"] = helper.make_tensor(name, FLOAT, [len(made[name])], made[name])
            del made[name]
    return g.model(g.node("TreeEnsembleRegressor", x, domain=ML, n_targets=targets, post_transform=transform,
                          aggregate_function=how, **made, **options))


def linear(classes, rows=None, transform="NONE", text=False, normalize=False, kind=FLOAT):
    g, x = table(seed=74, kind=kind)
    rows = rows or classes
    y = g.node("LinearClassifier", x, outputs=2, domain=ML, multi_class=int(classes > 2),
               coefficients=g.normal(rows * FEATURES).tolist(), intercepts=g.normal(rows).tolist(),
               post_transform=transform, **labels_short(classes, text))
    scores = g.node("Normalizer", y[1], domain=ML, norm="L1") if normalize else y[1]
    return g.model(y[0], scores, kinds=[STRING if text else INT64, FLOAT])


def linear_regressor(targets=1, transform="NONE", kind=FLOAT):
    g, x = table(seed=75, kind=kind)
    y = g.node("LinearRegressor", x, domain=ML, targets=targets, post_transform=transform,
               coefficients=g.normal(targets * FEATURES, scale=0.3).tolist(),
               intercepts=g.uniform(targets, low=0.2, high=0.6).tolist())
    return g.model(y)


def svm(classes, kernel="RBF", likely=False, transform="NONE", text=False):
    g, x = table(seed=76 + classes)
    counts = [5 + i for i in range(classes)]
    pairs = classes * (classes - 1) // 2
    options = {}
    if likely:
        options = {"prob_a": (-g.uniform(pairs)).tolist(), "prob_b": g.normal(pairs, scale=0.2).tolist()}
    y = g.node("SVMClassifier", x, outputs=2, domain=ML, kernel_type=kernel,
               kernel_params=[0.2, 0.1, 3.0], post_transform=transform,
               coefficients=g.normal((classes - 1) * sum(counts)).tolist(),
               support_vectors=g.normal(sum(counts) * FEATURES).tolist(), vectors_per_class=counts,
               rho=g.normal(pairs, scale=0.3).tolist(), **labels_short(classes, text), **options)
    return g.model(*y, kinds=[STRING if text else INT64, FLOAT])


def svm_linear(classes, transform="NONE"):
    g, x = table(seed=78)
    y = g.node("SVMClassifier", x, outputs=2, domain=ML, kernel_type="LINEAR", post_transform=transform,
               kernel_params=[0.0, 0.0, 0.0], coefficients=g.normal(classes * FEATURES).tolist(), rho=g.normal(1).tolist(),
               **labels_short(classes))
    return g.model(*y, kinds=[INT64, FLOAT])


def svm_regressor(kernel="RBF", vectors=9, one_class=0):
    g, x = table(seed=79)
    options = {"n_supports": vectors, "support_vectors": g.normal(vectors * FEATURES).tolist()} \
        if vectors else {}
    return g.model(g.node("SVMRegressor", x, domain=ML, kernel_type=kernel, one_class=one_class,
                          kernel_params=[0.2, 0.1, 2.0], rho=[0.1],
                          coefficients=g.normal(vectors or FEATURES).tolist(), **options))


def features(opset=12):
    """Every operator that prepares features."""
    g, x = table(opset, 2, seed=80, missing=True)
    x = g.node("Imputer", x, domain=ML, imputed_value_floats=g.normal(FEATURES).tolist(),
               replaced_value_float=float("nan"))
    scaled = g.node("Scaler", x, domain=ML, offset=g.normal(FEATURES).tolist(),
                    scale=g.uniform(FEATURES).tolist())
    norms = [g.node("Normalizer", scaled, domain=ML, norm=norm) for norm in ("MAX", "L1", "L2")]
    binary = g.node("Binarizer", scaled, domain=ML, threshold=0.25)
    kinds = g.input("kinds", [None, 2], g.random.integers(-1, 5, (ROWS, 2)), INT64)
    hot = g.node("OneHotEncoder", kinds, domain=ML, cats_int64s=[0, 1, 2, 4], zeros=1)
    some = g.node("ArrayFeatureExtractor", scaled, g.integers(4, 0, 0), domain=ML)
    coded = g.node("LabelEncoder", kinds, domain=ML, keys_int64s=[0, 1, 2], values_floats=[0.5, 1.5, 2.5],
                   default_float=-7.0)
    back = g.node("LabelEncoder", coded, domain=ML, keys_floats=[0.5, 2.5], values_int64s=[10, 20],
                  default_int64=-3)
    whole = g.node("Imputer", kinds, domain=ML, imputed_value_int64s=[100, 200], replaced_value_int64=-1)
    both = g.node("FeatureVectorizer", some, g.node("Cast", kinds, to=FLOAT), scaled, domain=ML, inputdimensions=[3, 2, FEATURES])
    return g.model(scaled, *norms, binary, hot, some, coded, back, whole, both,
                   kinds=[FLOAT] * 8 + [INT64, INT64, FLOAT])


def columns(trees=20, depth=5):
    """A ColumnTransformer before a forest: numbers scaled, kinds one-hot, joined; ZipMap behind."""
    g = Graph(15, 81, 1)
    age = g.input("age", [None, 1], g.normal(ROWS, 1))
    size = g.input("size", [None, 2], g.normal(ROWS, 2))
    kind = g.input("kind", [None, 1], g.random.integers(0, 4, (ROWS, 1)), INT64)
    numbers = g.node("Concat", age, size, axis=1)
    numbers = g.node("Scaler", numbers, domain=ML, offset=[0.1, 0.2, 0.3], scale=[1.1, 0.9, 1.3])
    hot = g.node("OneHotEncoder", kind, domain=ML, cats_int64s=[0, 1, 2], zeros=1)
    hot = g.node("Reshape", hot, g.integers(-1, 3))
    x = g.node("Concat", numbers, hot, axis=1)
    forest = Forest(g, trees, depth, range(3), 1 / trees, positive=True)
    label, scores = g.node("TreeEnsembleClassifier", x, outputs=2, domain=ML, post_transform="NONE",
                           **labels(3), **forest.attributes("class"))
    label = g.node("Cast", label, to=INT64)
    reference, feeds = g.model(label, scores, kinds=[INT64, FLOAT])
    maps = g.node("ZipMap", scores, domain=ML, **labels(3))

    def declared(name):
        info = helper.ValueInfoProto()
        info.name = name
        inner = info.type.sequence_type.elem_type.map_type
        inner.key_type = TensorProto.INT64
        inner.value_type.tensor_type.elem_type = FLOAT
        return info
    model, _ = g.model(label, maps, kinds=[INT64, declared])
    return model, feeds, reference


def voting():
    """Two classifiers, their scores averaged, the label looked up: no classifier gives the label."""
    g, x = table(11, 1, seed=82)
    parts = []
    for kind in (1, 2):
        forest = Forest(g, 5, 3, range(3), 0.2, positive=True)
        scores = g.node("TreeEnsembleClassifier", x, outputs=2, domain=ML, post_transform="NONE", **labels(3),
                        **forest.attributes("class"))[1]
        parts.append(g.node("Mul", scores, g.constant(numpy.array([kind / 3], numpy.float32))))
    mean = g.node("Sum", *parts)
    best = g.node("ArgMax", mean, axis=1)
    label = g.node("ArrayFeatureExtractor", g.constant(numpy.array([-1, 2, 5], numpy.int64)), best, domain=ML)
    label = g.node("Reshape", g.node("Cast", label, to=INT64), g.integers(-1))
    return g.model(label, mean, kinds=[INT64, FLOAT])


def neighbours():
    """Nearest neighbours, k-means: distances by matrix products, TopK, ArgMin."""
    g, x = table(14, 1, seed=83)
    centres = g.normal(7, FEATURES)
    squares = g.node("ReduceSumSquare", x, axes=[1], keepdims=1)
    cross = g.node("Gemm", x, g.constant(centres), alpha=-2.0, transB=1)
    far = g.node("Add", g.node("Add", cross, squares), g.constant((centres ** 2).sum(1)))
    far = g.node("Sqrt", g.node("Max", far, g.inline(numpy.float32(0))))
    near, places = g.node("TopK", far, g.integers(3), outputs=2, axis=1, largest=0, sorted=1)
    return g.model(g.node("ArgMin", far, axis=1, keepdims=0), near, places, kinds=[INT64, FLOAT, INT64])


def looked_up(text=False, kind=FLOAT):
    """A perceptron's pipeline: the label is looked up by ArgMax among the classes, which may be text; ZipMap behind."""
    g, x = table(15, 1, seed=85, kind=kind)
    scaled = g.node("Scaler", x, domain=ML, offset=g.normal(FEATURES).tolist(), scale=g.uniform(FEATURES).tolist())
    y = g.relu(g.node("Add", g.node("MatMul", scaled, g.constant(g.normal(FEATURES, 9))), g.constant(g.normal(1, 9))))
    y = g.node("Softmax", g.node("Add", g.node("MatMul", y, g.constant(g.normal(9, 3))), g.constant(g.normal(1, 3))), axis=-1)
    best = g.node("ArgMax", y, axis=1)
    names = helper.make_tensor("classes", STRING, [3], [b"one", b"other", b"third"]) if text else None
    if text:
        g.constants.append(names)
    classes = "classes" if text else g.constant(numpy.array([4, 7, 9]))
    label = g.node("ArrayFeatureExtractor", classes, best, domain=ML)
    label = g.node("Reshape", label if text else g.node("Cast", label, to=INT64), g.integers(-1))
    return g.model(label, y, kinds=[STRING if text else INT64, FLOAT])


def double_forest(text=False):
    """Numbers of trees as float64 tensors; base values, too."""
    g, x = table(15, 3, seed=86, kind=DOUBLE)
    forest = Forest(g, 6, 4, range(3), 1.0)
    made = forest.attributes("class")
    for name in ("nodes_values", "class_weights", "nodes_hitrates"):
        made[name + "_as_tensor"] = helper.make_tensor(name, DOUBLE, [len(made[name])], made[name])
        del made[name]
    y = g.node("TreeEnsembleClassifier", x, outputs=2, domain=ML, post_transform="SOFTMAX", **labels(3, text),
               base_values_as_tensor=helper.make_tensor("base", DOUBLE, [3], [0.1, 0.2, 0.3]), **made)
    return g.model(*y, kinds=[STRING if text else INT64, FLOAT])


def boosted(kind="lightgbm", text=False, trees=12):
    """Two classes as the converters of boosting libraries write them: raw scores, a curve, both columns joined, the label coded."""
    g, x = table(12, 2, seed=87, missing=True)
    forest = Forest(g, trees, 4, [0], 0.4, modes=("BRANCH_LEQ",) if kind == "lightgbm" else ("BRANCH_LT",), missing=True)
    raw = g.node("TreeEnsembleRegressor", x, domain=ML, n_targets=1, post_transform="NONE", aggregate_function="SUM",
                 **({} if kind == "lightgbm" else {"base_values": [0.3]}), **forest.attributes("target"))
    one = g.node("Sigmoid", raw)
    both = g.node("Concat", g.node("Sub", g.constant(numpy.array([1], numpy.float32)), one), one, axis=1)
    best = g.node("ArgMax", both, axis=1, keepdims=0)
    values = {"values_strings": ["no", "yes"], "default_string": "?"} if text else {"values_int64s": [10, 20]}
    label = g.node("LabelEncoder", best, domain=ML, keys_int64s=[0, 1], **values)
    return g.model(label, both, kinds=[STRING if text else INT64, FLOAT])


def bayes(kind=FLOAT):
    """Gaussian naive Bayes: sums over features of each class, in the pipeline's type; logarithms of sums."""
    g, x = table(15, 1, seed=88, kind=kind)
    typed = numpy.float64 if kind == DOUBLE else numpy.float32
    w = lambda array: g.constant(array.astype(typed))
    wide = g.node("Reshape", x, g.integers(-1, 1, FEATURES))
    away = g.node("Div", g.node("Pow", g.node("Sub", wide, w(g.normal(1, 3, FEATURES))), w(numpy.array([2.0]))), w(g.uniform(1, 3, FEATURES)))
    total = g.node("ReduceSum", away, g.integers(2), keepdims=0)
    joint = g.node("Add", g.node("Mul", total, w(numpy.array([-0.5]))), w(g.normal(3)))
    likely = g.node("Exp", g.node("Sub", joint, g.node("ReduceLogSumExp", joint, axes=[1], keepdims=1)))
    far = g.node("MatMul", x, w(g.normal(FEATURES, 2)))
    curve = g.node("Sigmoid", g.node("Gemm", x, w(g.normal(4, FEATURES)), w(g.normal(4)), transB=1))
    label = g.node("ArrayFeatureExtractor", g.constant(numpy.array([3, 5, 8])), g.node("ArgMax", joint, axis=1), domain=ML)
    return g.model(g.node("Reshape", label, g.integers(-1)), likely, far, curve, g.node("Softmax", joint, axis=1),
                   kinds=[INT64] + [kind] * 4)


MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT")
TRANSFORMS = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT")


def binary_cases():
    """Two classes: which of them leaves speak of, how many base values, signs, transforms."""
    cases = {}
    for ids, base, positive, transform in itertools.product(((0,), (1,), (0, 1)), ((), (0.2,), (0.1, 0.3)),
                                                            (False, True), ("NONE", "LOGISTIC", "SOFTMAX")):
        name = (f"trees-binary-{'both' if len(ids) == 2 else ids[0]}-base{len(base)}-"
                f"{'positive' if positive else 'mixed'}-{transform.lower()}")
        cases[name] = lambda a=(ids, base, transform, positive): classifier(
            2, a[0], a[1], a[2], a[3], scale=0.12 if a[3] else 1.0)
    return cases


MODELS = {
    "random-forest": lambda: classifier(3, range(3), positive=True, scale=1 / 40, trees=40, depth=7, ml=1),
    "random-forest-text-labels": lambda: classifier(4, range(4), positive=True, scale=0.1, text=True, trees=10),
    "boosted-multiclass": lambda: classifier(4, range(4), (0.1, -0.2, 0.3, 0.0), "SOFTMAX", seed=84),
    "boosted-missing": lambda: classifier(3, range(3), missing=True, modes=("BRANCH_LT",), transform="SOFTMAX"),
    "trees-all-modes": lambda: classifier(3, range(3), modes=MODES + ("BRANCH_EQ", "BRANCH_NEQ"), missing=True),
    "trees-gaps": lambda: classifier(3, range(3), gaps=True),
    "trees-integers": lambda: classifier(3, range(3), kind=INT64, modes=MODES),
    "trees-softmax-zero": lambda: classifier(3, range(3), transform="SOFTMAX_ZERO"),
    "trees-logistic-3": lambda: classifier(3, range(3), transform="LOGISTIC"),
    "trees-probit-3": lambda: classifier(3, range(3), transform="PROBIT", positive=True, scale=0.1),
    **binary_cases(),
    "regressor": regressor,
    "regressor-base": lambda: regressor(base=(2.5,), missing=True, modes=MODES),
    "regressor-average": lambda: regressor(3, (1.0, 2.0, 3.0), how="AVERAGE"),
    "regressor-min": lambda: regressor(2, how="MIN"),
    "regressor-max": lambda: regressor(how="MAX", base=(0.5,)),
    "regressor-logistic": lambda: regressor(transform="LOGISTIC"),
    "regressor-softmax-3": lambda: regressor(3, transform="SOFTMAX"),
    "regressor-probit": lambda: regressor(transform="PROBIT", positive=True, trees=1),
    "regressor-tensors": lambda: regressor(tensors=True),
    **{f"logistic-{name}-{transform.lower()}": lambda a=(classes, rows, transform): linear(*a, normalize=True)
       for name, classes, rows in (("3", 3, 3), ("2", 2, 2), ("one-row", 2, 1)) for transform in TRANSFORMS[:4]},
    "logistic-text-labels": lambda: linear(3, text=True, transform="SOFTMAX"),
    "logistic-int32": lambda: linear(3, kind=INT32),
    "linear-regressor": linear_regressor,
    "linear-regressor-3": lambda: linear_regressor(3),
    "linear-regressor-logistic": lambda: linear_regressor(2, "LOGISTIC"),
    **{f"svc-{classes}-{kernel.lower()}": lambda a=(classes, kernel): svm(*a)
       for classes in (2, 3, 4) for kernel in ("LINEAR", "POLY", "RBF", "SIGMOID")},
    **{f"svc-{classes}-probability": lambda a=classes: svm(a, likely=True) for classes in (2, 3, 4)},
    "svc-2-logistic": lambda: svm(2, transform="LOGISTIC"),
    "svc-3-softmax": lambda: svm(3, transform="SOFTMAX"),
    "svc-text-labels": lambda: svm(3, text=True),
    **{f"svc-without-vectors-{classes}": lambda a=classes: svm_linear(a) for classes in (2, 3)},
    **{f"svr-{kernel.lower()}": lambda a=kernel: svm_regressor(a) for kernel in ("LINEAR", "POLY", "RBF", "SIGMOID")},
    "svr-without-vectors": lambda: svm_regressor("LINEAR", 0),
    "one-class-svm": lambda: svm_regressor(one_class=1),
    **{f"perceptron-{name}": lambda a=arguments: looked_up(*a)
       for name, arguments in (("integers", ()), ("text", (True,)), ("double", (False, DOUBLE)))},
    "trees-double": double_forest,
    "trees-double-text": lambda: double_forest(True),
    **{f"boosted-{kind}{'-text' if text else ''}": lambda k=kind, t=text: boosted(k, t)
       for kind in ("lightgbm", "xgboost") for text in (False, True)},
    "bayes": bayes,
    "bayes-double": lambda: bayes(DOUBLE),
    "features": features,
    "column-transformer": columns,
    "voting": voting,
    "neighbours": neighbours,
}
