"""Writes PMML files: models of scikit-learn, part by part as the standard has them, and small ones by hand.

https://dmg.org/pmml/v4-4-1/GeneralStructure.html; the numbers to expect are scikit-learn's own.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

PREFIX = '<?xml version="1.0" encoding="UTF-8"?>\n'
SCHEMA = "http://www.dmg.org/PMML-4_4"
SCORECARD_FIELDS = (("age", "integer", ()), ("home", "string", ("own", "rent")))


def make_document(fields: str, model: str, version: str = "4.4") -> str:
    """Return a whole document of a data dictionary and a model."""
    head = f'<PMML xmlns="{SCHEMA}" version="{version}"><Header/><DataDictionary>{fields}</DataDictionary>'
    return f"{PREFIX}{head}{model}</PMML>"


def make_field(name: str, kind: str = "double", values: Iterable[Any] = (), inside: str = "") -> str:
    """Return a DataField, categorical where it has values."""
    inside += "".join(f'<Value value="{value}"/>' for value in values)
    way = "categorical" if values or kind == "string" else "continuous"
    return f'<DataField name={quoteattr(name)} optype="{way}" dataType="{kind}">{inside}</DataField>'


def make_schema(names: Iterable[str], target: str = "", **treatment: str) -> str:
    """Return a MiningSchema; treatment: further attributes of every input."""
    said = "".join(f' {name}="{value}"' for name, value in treatment.items())
    inputs = "".join(f"<MiningField name={quoteattr(name)}{said}/>" for name in names)
    last = f'<MiningField name="{target}" usageType="target"/>' if target else ""
    return f"<MiningSchema>{inputs}{last}</MiningSchema>"


def make_iris_tree() -> tuple[str, DecisionTreeClassifier]:
    """Return a decision tree as PMML and as scikit-learn has it; the classes are 0, 1, 2."""
    frame, target = load_iris(return_X_y=True, as_frame=True)
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(frame.to_numpy(), target)
    names = list(frame.columns)
    fields = "".join(map(make_field, names)) + make_field("species", "integer", (0, 1, 2))
    body = f'<TreeModel functionName="classification">{make_schema(names, "species")}'
    return make_document(fields, f"{body}{_make_node(model.tree_, 0, names, '<True/>')}</TreeModel>"), model


def _make_node(tree: Any, place: int, names: Sequence[str], predicate: str) -> str:
    shares = tree.value[place][0]
    counts = "".join(f'<ScoreDistribution value="{one}" recordCount="{n!r}"/>' for one, n in enumerate(shares.tolist()))
    children = ""
    if tree.children_left[place] >= 0:
        split = f"field={quoteattr(names[tree.feature[place]])} value={quoteattr(repr(float(tree.threshold[place])))}"
        for child, operator in ((tree.children_left, "lessOrEqual"), (tree.children_right, "greaterThan")):
            children += _make_node(tree, child[place], names, f'<SimplePredicate operator="{operator}" {split}/>')
    return f'<Node score="{shares.argmax()}" recordCount="1">{predicate}{counts}{children}</Node>'


def make_linear(model: Any, names: Sequence[str]) -> str:
    """Return a linear regression."""
    fields = "".join(map(make_field, names)) + make_field("y")
    body = _make_table(float(model.intercept_), model.coef_, names)
    start = f'<RegressionModel functionName="regression">{make_schema(names, "y")}'
    return make_document(fields, f"{start}{body}</RegressionModel>")


def make_logistic(model: Any, names: Sequence[str], classes: Sequence[str]) -> str:
    """Return a logistic regression of several classes."""
    fields = "".join(map(make_field, names)) + make_field("kind", "string", classes)
    tables = "".join(
        _make_table(float(model.intercept_[place]), model.coef_[place], names, f' targetCategory="{one}"')
        for place, one in enumerate(classes)
    )
    start = '<RegressionModel functionName="classification" normalizationMethod="softmax">'
    return make_document(fields, f"{start}{make_schema(names, 'kind')}{tables}</RegressionModel>")


def _make_table(intercept: float, weights: Any, names: Sequence[str], more: str = "") -> str:
    terms = "".join(
        f'<NumericPredictor name={quoteattr(name)} coefficient="{weight!r}"/>'
        for name, weight in zip(names, weights.tolist(), strict=True)
    )
    return f'<RegressionTable intercept="{intercept!r}"{more}>{terms}</RegressionTable>'


def make_clusters(centers: Any, names: Sequence[str]) -> str:
    """Return clusters by the nearest of these centers, whose ids are their places."""
    fields = "".join(f'<ClusteringField field="{name}" compareFunction="absDiff"/>' for name in names)
    clusters = "".join(
        f'<Cluster id="{place}"><Array n="{len(row)}" type="real">{" ".join(map(repr, row))}</Array></Cluster>'
        for place, row in enumerate(centers.tolist())
    )
    kind = f'modelClass="centerBased" numberOfClusters="{len(centers)}"'
    measure = '<ComparisonMeasure kind="distance"><squaredEuclidean/></ComparisonMeasure>'
    body = f'<ClusteringModel functionName="clustering" {kind}>{make_schema(names)}{measure}{fields}{clusters}'
    return make_document("".join(map(make_field, names)), f"{body}</ClusteringModel>")


def make_network(model: Any, names: Sequence[str]) -> str:
    """Return a network of hyperbolic tangents that answers one number."""
    inputs = "".join(
        f'<NeuralInput id="0,{place}"><DerivedField optype="continuous" dataType="double">'
        f'<FieldRef field="{name}"/></DerivedField></NeuralInput>'
        for place, name in enumerate(names)
    )
    layers = ""
    for depth, (weights, biases) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        function = ' activationFunction="identity"' if depth == len(model.coefs_) - 1 else ""
        layers += f"<NeuralLayer{function}>{_make_neurons(depth, weights, biases)}</NeuralLayer>"
    output = '<DerivedField optype="continuous" dataType="double"><FieldRef field="y"/></DerivedField>'
    last = f'<NeuralOutputs><NeuralOutput outputNeuron="{len(model.coefs_)},0">{output}</NeuralOutput></NeuralOutputs>'
    start = f'<NeuralNetwork functionName="regression" activationFunction="tanh">{make_schema(names, "y")}'
    body = f"{start}<NeuralInputs>{inputs}</NeuralInputs>{layers}{last}</NeuralNetwork>"
    return make_document("".join(map(make_field, names)) + make_field("y"), body)


def _make_neurons(depth: int, weights: Any, biases: Any) -> str:
    neurons = ""
    for place, (column, bias) in enumerate(zip(weights.T.tolist(), biases.tolist(), strict=True)):
        links = "".join(f'<Con from="{depth},{before}" weight="{weight!r}"/>' for before, weight in enumerate(column))
        neurons += f'<Neuron id="{depth + 1},{place}" bias="{bias!r}">{links}</Neuron>'
    return neurons


def make_scorecard() -> str:
    """Return 10 points to begin with, 5 or 20 for age up to 30 or over it, 1 or 7 for a rented or an own home."""
    fields = "".join(make_field(*field) for field in SCORECARD_FIELDS) + make_field("points")
    parts = (
        (("age", "lessOrEqual", "30", 5), ("age", "greaterThan", "30", 20)),
        (
            ("home", "equal", "rent", 1),
            ("home", "equal", "own", 7),
        ),
    )
    body = "".join(_make_characteristic(part) for part in parts)
    start = '<Scorecard functionName="regression" initialScore="10" useReasonCodes="false">'
    schema = make_schema([name for name, _, _ in SCORECARD_FIELDS], "points")
    return make_document(fields, f"{start}{schema}<Characteristics>{body}</Characteristics></Scorecard>")


def _make_characteristic(attributes: Sequence[tuple[str, str, str, int]]) -> str:
    inside = "".join(
        f'<Attribute partialScore="{points}"><SimplePredicate field="{field}" operator="{operator}" value="{value}"/>'
        "</Attribute>"
        for field, operator, value, points in attributes
    )
    return f'<Characteristic name="{attributes[0][0]}">{inside}</Characteristic>'


def make_fruit(**treatment: str) -> str:
    """Return a tree of a colour and a weight: red is an apple by 3 to 1, all else a banana by 4 to 1.

    treatment: attributes of the colour in the mining schema, such as missingValueReplacement.
    """
    colours = make_field("colour", "string", ("red", "green"), '<Value value="?" property="missing"/>')
    weight = make_field("grams", inside='<Interval closure="closedClosed" leftMargin="0" rightMargin="500"/>')
    fields = colours + weight + make_field("fruit", "string", ("apple", "banana"))
    red = '<SimplePredicate field="colour" operator="equal" value="red"/>'
    leaves = _make_leaf("apple", red, 3, 1) + _make_leaf("banana", "<True/>", 1, 4)
    schema = make_schema(["colour"], "fruit", **treatment).replace("</", '<MiningField name="grams"/></')
    start = f'<TreeModel functionName="classification" missingValueStrategy="none">{schema}'
    return make_document(fields, f'{start}<Node id="0"><True/>{leaves}</Node></TreeModel>')


def _make_leaf(score: str, predicate: str, apples: int, bananas: int) -> str:
    counts = (("apple", apples), ("banana", bananas))
    shares = "".join(f'<ScoreDistribution value="{name}" recordCount="{count}"/>' for name, count in counts)
    return f'<Node score="{score}">{predicate}{shares}</Node>'


def make_deep(depth: int) -> str:
    """Return elements within elements, so many."""
    return make_document("", "<Node>" * depth + "</Node>" * depth)
