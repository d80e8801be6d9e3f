"""The chapter about how the layers developed: their read-outs and features at chosen epochs of the training."""

from deepbelief.report.chapter import Chapter, Picture
from deepbelief.report.charts import Chart, charts_drawing
from deepbelief.report.curves import Curve
from deepbelief.report.run import Floats, Run, Stage
from deepbelief.report.style import layer_look
from deepbelief.report.tables import Table
from deepbelief.report.text import interval, listing, percent, points

_FORMULA = "CKA(X, Y) = ‖YᵀX‖² / (‖XᵀX‖ ‖YᵀY‖)"
_EPOCH = "epoch of the layer's training"
_NOISE = 0.5  # the text tells of the level nearest to it


def development(run: Run, stage: Stage) -> Chapter:
    """Accuracy, robustness and similarity to the end of each layer, over the epochs of its training."""
    layers = stage.numbered("layer_", "/epochs")
    text = (
        "How did the layers become what they are? Each was put aside at some epochs of its training. "
        f"{_control(run, stage)}{_standing(run)}",
        *_readouts(run, stage),
        "How much a representation still has to change is told by how alike its features are to those of the end, for "
        f"{stage.fact('compared'):,} test images: linear centred kernel alignment (CKA), 1 where the images lie in the "
        "same way to each other, however the axes are turned or scaled. It misses what single units do; the table "
        "tells that too, as the size of the change relative to the features before.",
        *_best_in_noise(run, stage, layers),
    )
    return Chapter(text, _pictures(run, stage, layers), (_table(run, stage, layers),), _FORMULA)


def _readouts(run: Run, stage: Stage) -> list[str]:
    """How the read-outs learn; nothing where there are no labels to learn."""
    if not run.class_names:
        return []
    return [
        "A linear read-out is fitted to each of these states by least squares, which has an exact solution: quicker "
        f"than the read-outs above and not quite as good. It learns from {stage.fact('images'):,} training images and "
        f"is tested on {stage.fact('test_images'):,} test images."
    ]


def _control(run: Run, stage: Stage) -> str:
    """What epoch 0 is, where there is one."""
    if 0 not in _epochs(stage, 1):
        return ""
    worth = ": what an untrained layer can do is the control for what training is worth" if run.class_names else ""
    return f"Epoch 0 is before it began, with random weights{worth}. "


def _standing(run: Run) -> str:
    """On top of what a layer is measured."""
    if run.results.settings.get("dbn", {}).get("training") == "joint":
        return "All layers learnt together, and each is looked at on top of those below as they were at that moment."
    return "Each layer is looked at on top of the finished layers below, as it was trained."


def _epochs(stage: Stage, layer: int) -> list[int]:
    return [int(epoch) for epoch in stage.array(f"layer_{layer}/epochs")]


def _noise_metric(layer: int, epoch: int) -> str:
    """The name, before its level, of the accuracy of a layer's read-out in noise, after an epoch."""
    return f"development/accuracy/layer_{layer}/epoch_{epoch}/gaussian"


def _best_in_noise(run: Run, stage: Stage, layers: list[int]) -> list[str]:
    """A sentence about when each layer saw best through noise."""
    levels = [float(level) for level in stage.array("levels") if level > 0]
    if not levels:
        return []
    level, parts = min(levels, key=lambda one: abs(one - _NOISE)), []
    for layer in layers:
        names = {epoch: f"{_noise_metric(layer, epoch)}@{level:g}" for epoch in _epochs(stage, layer)}
        found = {epoch: metric for epoch, name in names.items() if (metric := run.metric(name))}
        if not found:
            continue
        best, last = max(found, key=lambda epoch: found[epoch].mean), max(found)
        if best == last:
            parts.append(f"of layer {layer} in the end ({percent(found[last])})")
        else:
            parts.append(
                f"of layer {layer} after epoch {best} ({percent(found[best])}, and {percent(found[last])} in the end)"
            )
    return [f"In noise of standard deviation {level:g} the read-outs do best {listing(parts)}."] if parts else []


def _pictures(run: Run, stage: Stage, layers: list[int]) -> list[Picture]:
    """The charts, as one picture; none where nothing can be told, as without labels of features that are all alike."""
    looks = {layer: layer_look(layer, run.layers) for layer in layers}
    accuracies, alike = (
        {layer: series for layer in layers if (series := run.series(f"development/{name}/layer_{layer}"))}
        for name in ("accuracy", "cka_final")
    )
    learnt = [Curve.of_series(series, looks[layer]) for layer, series in accuracies.items()]
    similar = [Curve.of_series(series, looks[layer], whole=1) for layer, series in alike.items()]
    charts = [
        Chart("Test accuracy of a linear read-out (%)", _EPOCH, learnt, tall=2.1),
        Chart("Similarity to the features of the end (CKA)", _EPOCH, similar, tall=1.8),
        *(_noise_chart(run, stage, layer) for layer in sorted({layers[0], layers[-1]})),
    ]
    drawn = [chart for chart in charts if chart.curves]
    if not drawn:
        return []
    alt, caption = f"Similarity of {len(layers)} layers to their end against epoch.", "Darker lines are deeper layers."
    if ways := [_way(run, layer, series.levels) for layer, series in accuracies.items()]:
        alt = f"Accuracy of {len(layers)} layers and their similarity to the end against epoch, and accuracy against "
        alt += "noise."
        caption = f"From the first of these epochs to the last, read-outs go {listing(ways)}. Darker lines are deeper "
        caption += "layers and, in the charts of noise, later epochs."
    if any(curve.low is not None for chart in drawn for curve in chart.curves):
        caption += " Bands are 95 % confidence intervals over seeds."
    return [Picture("development", alt, caption, charts_drawing(drawn))]


def _way(run: Run, layer: int, epochs: Floats) -> str:
    """`from 80.3 % to 84.8 % in layer 1`: the accuracy of a layer's read-out at the first and the last of epochs."""
    first, last = (percent(run.metric(f"development/accuracy/layer_{layer}@{epochs[at]:g}")) for at in (0, -1))
    return f"from {first} to {last} in layer {layer}"


def _noise_chart(run: Run, stage: Stage, layer: int) -> Chart:
    """The psychometric curve of a layer, a line for each epoch."""
    epochs = _epochs(stage, layer)
    looks = [layer_look(place, len(epochs), f"epoch {epoch}") for place, epoch in enumerate(epochs, start=1)]
    measured = [run.series(_noise_metric(layer, epoch)) for epoch in epochs]
    curves = [Curve.of_series(series, look) for look, series in zip(looks, measured, strict=True) if series]
    title, xlabel = f"Test accuracy (%) of layer {layer}, noise not clipped", "standard deviation of the noise"
    return Chart(title, f"{xlabel} (1 = from black to white)", curves, accuracy=True, chance=run.chance, tall=2.1)


def _table(run: Run, stage: Stage, layers: list[int]) -> Table:
    levels = [f"{level:g}" for level in stage.floats("levels")] if run.class_names else []
    rows = []
    for layer in layers:
        for epoch in _epochs(stage, layer):
            shares = [run.metric(f"{_noise_metric(layer, epoch)}@{level}") for level in levels]
            others = [
                run.metric(f"development/{name}/layer_{layer}@{epoch}")
                for name in ("cka_final", "cka_before", "change")
            ]
            rows.append((f"layer {layer}", f"{epoch}", *map(points, shares), *map(interval, others)))
    named = ("clean %" if level == "0" else f"noise {level}, %" for level in levels)
    header = ("layer", "epoch", *named, "CKA with the end", "CKA with the row above", "change since the row above")
    return Table("The layers at epochs of their training", header, rows)
