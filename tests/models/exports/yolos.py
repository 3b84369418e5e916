"""Exports of Ultralytics (YOLO and its RT-DETR) and of YOLOv5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.models.exports.tools import (
    HEIGHT,
    NAMES,
    NMS_IOU,
    OPSET,
    SQUARE,
    ULTRALYTICS,
    WHOLE,
    WIDTH,
    Made,
    enliven,
    enough,
    halve,
    library,
    picture,
    run_onnx,
    settle,
    tracer,
)


def yolo(config: str, file: Path, **export: Any) -> tuple[Any, Any]:
    """Builds the smallest possible model of a config of Ultralytics; returns the export and its input."""
    yaml, ultralytics = library("yaml"), library("ultralytics")
    source = Path(ultralytics.__file__).parent / "cfg" / "models" / config
    settings = yaml.safe_load(source.read_text()) | {
        "nc": 2,
        "scales": {"n": [0.33, 0.0625, 128]},
        "scale": "n",
    }
    settings["reg_max"] = min(4, settings.get("reg_max", 4))
    small = file.with_name(f"{source.stem}n.yaml")
    small.write_text(yaml.safe_dump(settings))
    library("torch").manual_seed(0)
    model = ultralytics.YOLO(str(small))
    settle(model.model, HEIGHT, WIDTH)
    head = model.model.model[-1]
    for name, spread, bias in (("cv2", 0.15, 2.0), ("cv3", 1.0, -2.0)):
        for prefix in ("", "one2one_"):
            layers = [branch[-1] for branch in getattr(head, prefix + name, None) or ()]
            if layers and hasattr(layers[0], "weight"):
                enliven(layers, spread, bias, 2)
                if name == "cv2" and layers[0].out_channels == 4 * 16:
                    # Of sixteen distances the near ones, or all boxes would be the whole picture.
                    for layer in layers:
                        layer.bias.data -= library("torch").arange(64) % 16 * 0.5
    return exported(model, file, (HEIGHT, WIDTH), **export)


def exported(model: Any, file: Path, size: tuple[int, int], **export: Any) -> tuple[Any, Any]:
    """Exports with Ultralytics' own exporter and sets up its own predictor on the result."""
    ultralytics = library("ultralytics")
    model.model.names = dict(NAMES)
    model.model.args = dict(ultralytics.cfg.DEFAULT_CFG_DICT)
    model.model.pt_path = str(file.with_suffix(".pt"))
    model.ckpt_path = model.model.pt_path
    written = model.export(format="onnx", imgsz=size, simplify=False, opset=OPSET, device="cpu", **export)
    Path(written).replace(file)
    if isinstance(model, ultralytics.RTDETR):
        return ultralytics.RTDETR(str(file)), size
    return ultralytics.YOLO(str(file), task=model.task), size


def predicted(
    model: Any,
    size: tuple[int, int],
    *,
    nms: bool,
    min_score: float,
    shape: tuple[int, int] | None = None,
) -> list[list[float]]:
    """Boxes by Ultralytics' own predictor.

    With ``nms`` its own suppression is called with the settings of ours: it would let a cell have one
    class only.
    """
    image = picture(*(shape or size))
    model.predict(image, imgsz=size, conf=min_score, iou=NMS_IOU, verbose=False, device="cpu")
    predictor = model.predictor
    predictor.batch = ([""], [image], [""])
    tensor = predictor.preprocess([image])
    raw = predictor.inference(tensor)
    if nms:
        module = library("ultralytics.utils.nms")
        found = module.non_max_suppression(raw, min_score, NMS_IOU, multi_label=True)[0]
    else:
        found = predictor.postprocess(raw, tensor, [image])[0].boxes.data
    return [[float(value) for value in row] for row in found]


def anchor_free(config: str, file: Path, **export: Any) -> Made:
    model, size = yolo(config, file, **export)
    found = enough(lambda min_score: predicted(model, size, nms=True, min_score=min_score))
    return Made(ULTRALYTICS, "AGPL-3.0", "`non_max_suppression(…, multi_label=True)`", *found)


def end_to_end(config: str, file: Path, *, half: bool = False, **export: Any) -> Made:
    model, size = yolo(config, file, **export)
    if half:
        halve(file)
    found = enough(lambda min_score: predicted(model, size, nms=False, min_score=min_score))
    whole = predicted(model, size, nms=False, min_score=found[0], shape=WHOLE)
    return Made(ULTRALYTICS, "AGPL-3.0", "its predictor", *found, whole)


def rtdetr(file: Path) -> Made:
    """A few convolutions under the real encoder layer and decoder."""
    yaml, ultralytics = library("yaml"), library("ultralytics")
    settings = {
        "nc": 2,
        "scales": {"l": [1.0, 1.0, 1024]},
        "backbone": [[-1, 1, "Conv", [8, 3, 2]], *([-1, 1, "Conv", [16, 3, 2]] for _ in range(4))],
        "head": [
            [-1, 1, "AIFI", [32, 2]],
            [[2, 3, 5], 1, "RTDETRDecoder", ["nc", 32, 30, 2, 2, 1, 32]],
        ],
    }
    small = file.with_name("rtdetr-tiny.yaml")
    small.write_text(yaml.safe_dump(settings))
    library("torch").manual_seed(0)
    model = ultralytics.RTDETR(str(small))
    model.model.eval()
    head = model.model.model[-1]
    enliven([head.enc_score_head, *head.dec_score_head], 0.6, -1.0, 3)
    enliven([branch.layers[-1] for branch in (head.enc_bbox_head, *head.dec_bbox_head)], 0.3, 0.0, 4)
    again, size = exported(model, file, (SQUARE, SQUARE))
    found = enough(lambda min_score: predicted(again, size, nms=False, min_score=min_score))
    name = "ultralytics" if ultralytics.__version__.startswith("8.3") else ULTRALYTICS
    whole = predicted(again, size, nms=False, min_score=found[0], shape=WHOLE)
    return Made(name, "AGPL-3.0", "its predictor", *found, whole)


def rtdetr_scores(file: Path) -> Made:
    if not library("ultralytics").__version__.startswith("8.3"):
        raise ModuleNotFoundError("this export needs Ultralytics 8.3", name="ultralytics 8.3")
    tracer()
    return rtdetr(file)


def other_task(config: str, widest: int, file: Path) -> Made:
    """A model that is no detector's: to be refused."""
    yaml, ultralytics = library("yaml"), library("ultralytics")
    source = Path(ultralytics.__file__).parent / "cfg" / "models" / config
    settings = yaml.safe_load(source.read_text()) | {
        "nc": 2,
        "scales": {"n": [0.33, 0.0625, widest]},
        "scale": "n",
    }
    settings["reg_max"] = 4
    small = file.with_name(source.name.replace("yolo11", "yolo11n"))
    small.write_text(yaml.safe_dump(settings))
    model = ultralytics.YOLO(str(small))
    exported(model, file, (SQUARE, SQUARE))
    return Made(ULTRALYTICS, "AGPL-3.0", "none: to be refused", 0.0, [])


def yolov5(file: Path, classes: int, *, dynamic: bool) -> Made:
    torch = library("torch")
    models, export = library("yolov5.models.yolo"), library("yolov5.export")
    settings = library("yaml").safe_load((Path(models.__file__).parent / "yolov5n.yaml").read_text())
    settings |= {"nc": classes, "width_multiple": 0.03}
    torch.manual_seed(0)
    network = models.DetectionModel(settings, ch=3, nc=classes)
    settle(network, HEIGHT, WIDTH)
    enliven(network.model[-1].m, 0.5, 0.0, 2)
    network.names = dict(list(NAMES.items())[2 - classes :]) if classes == 2 else {0: "smoke"}
    network.model[-1].export, network.model[-1].dynamic = True, dynamic
    tracer()
    tensor = torch.from_numpy(picture(HEIGHT, WIDTH)[..., ::-1].transpose(2, 0, 1)[None].copy()).float() / 255
    written, _ = export.export_onnx(network, tensor, file, OPSET, dynamic, simplify=False)
    Path(written).replace(file)
    raw = run_onnx(file, images=tensor.numpy())
    suppress = library("yolov5.utils.general").non_max_suppression
    found = enough(lambda least: suppress(raw[0], least, NMS_IOU, multi_label=True)[0].tolist())
    return Made("yolov5", "AGPL-3.0", "`non_max_suppression(…, multi_label=True)`", *found)
