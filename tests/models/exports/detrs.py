"""Exports of Hugging Face's DETRs, of D-FINE and of RF-DETR."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.models.exports.tools import (
    HEIGHT,
    NAMES,
    OPSET,
    SQUARE,
    WHOLE,
    WIDTH,
    Made,
    enliven,
    enough,
    library,
    picture,
    run_onnx,
    tracer,
)


def hugging_face(
    file: Path, network: Any, heads: Sequence[Any], boxes: Sequence[Any], processor: Any, **metadata: str
) -> Made:
    """Exports logits and boxes, and post-processes them as the model's image processor does."""
    torch, transformers = library("torch"), library("transformers")
    network.eval()
    enliven(heads, 0.6, -1.0, 3)
    enliven(boxes, 0.3, 0.0, 4)

    class Plain(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pixel_values: Any) -> Any:
            answer = self.network(pixel_values=pixel_values)
            return answer.logits, answer.pred_boxes

    image = np.ascontiguousarray(picture(HEIGHT, WIDTH)[..., ::-1])
    tensor = processor(images=image, return_tensors="pt", do_resize=False)["pixel_values"]
    tracer()
    torch.onnx.export(
        Plain(),
        (tensor,),
        str(file),
        input_names=["pixel_values"],
        output_names=["logits", "pred_boxes"],
        opset_version=OPSET,
    )
    onnx = library("onnx")
    model = onnx.load(str(file))
    onnx.helper.set_model_props(model, {"labels": json.dumps(list(NAMES.values())), **metadata})
    onnx.save(model, str(file))
    logits, shares = run_onnx(file, pixel_values=tensor.numpy())
    answer = transformers.modeling_outputs.ModelOutput(logits=logits, pred_boxes=shares)
    size = [(HEIGHT, WIDTH)]

    def find(least: float) -> list[list[float]]:
        return rows(processor.post_process_object_detection(answer, threshold=least, target_sizes=size)[0])

    how = f"`{type(processor).__name__}.post_process_object_detection`"
    return Made("transformers", "Apache-2.0", how, *enough(find))


def rows(found: Any, least: float = 0.0) -> list[list[float]]:
    """What DETRs' post-processors return, as rows."""
    columns = (found["boxes"].tolist(), found["scores"].tolist(), found["labels"].tolist())
    return [[*box, score, float(label)] for box, score, label in zip(*columns, strict=True) if score >= least]


def hf_labels() -> dict[str, Any]:
    return {"id2label": NAMES, "label2id": {name: number for number, name in NAMES.items()}}


def hf_rtdetr(file: Path) -> Made:
    t = library("transformers")
    library("torch").manual_seed(0)
    body = t.RTDetrResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 16, 16, 16],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    network = t.RTDetrV2ForObjectDetection(
        t.RTDetrV2Config(backbone_config=body, **hf_sizes(), **hf_labels())
    )
    decoder = network.model.decoder
    heads = [network.model.enc_score_head, *decoder.class_embed]
    boxes = [branch.layers[-1] for branch in (network.model.enc_bbox_head, *decoder.bbox_embed)]
    return hugging_face(file, network, heads, boxes, t.RTDetrImageProcessor())


def hf_dfine(file: Path) -> Made:
    t = library("transformers")
    library("torch").manual_seed(0)
    body = t.HGNetV2Config(
        embedding_size=8,
        depths=[1, 1, 1, 1],
        hidden_sizes=[16, 16, 16, 16],
        stem_channels=[3, 8, 8],
        stage_in_channels=[8, 16, 16, 16],
        stage_mid_channels=[8, 8, 8, 8],
        stage_out_channels=[16, 16, 16, 16],
        stage_num_blocks=[1, 1, 1, 1],
        stage_downsample=[False, True, True, True],
        stage_light_block=[False, False, True, True],
        stage_kernel_size=[3, 3, 3, 3],
        stage_numb_of_layers=[1, 1, 1, 1],
        out_features=["stage2", "stage3", "stage4"],
    )
    network = t.DFineForObjectDetection(t.DFineConfig(backbone_config=body, **hf_sizes(), **hf_labels()))
    decoder = network.model.decoder
    heads = [network.model.enc_score_head, *decoder.class_embed]
    boxes = [branch.layers[-1] for branch in (network.model.enc_bbox_head, *decoder.bbox_embed)]
    return hugging_face(file, network, heads, boxes, t.RTDetrImageProcessor())


def hf_sizes() -> dict[str, Any]:
    """As narrow as RT-DETR and D-FINE go."""
    return {
        "encoder_hidden_dim": 16,
        "encoder_in_channels": [16, 16, 16],
        "encoder_ffn_dim": 16,
        "encoder_attention_heads": 2,
        "encoder_layers": 1,
        "d_model": 16,
        "num_queries": 30,
        "decoder_in_channels": [16, 16, 16],
        "decoder_ffn_dim": 16,
        "decoder_attention_heads": 2,
        "decoder_layers": 2,
        "hidden_expansion": 0.5,
        "num_denoising": 0,
        "anchor_image_size": None,
    }


def hf_detr(file: Path) -> Made:
    t = library("transformers")
    library("torch").manual_seed(0)
    body = t.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", out_features=["stage2"]
    )
    network = t.DetrForObjectDetection(
        t.DetrConfig(
            use_timm_backbone=False,
            use_pretrained_backbone=False,
            backbone=None,
            backbone_config=body,
            num_queries=30,
            d_model=16,
            encoder_layers=1,
            decoder_layers=1,
            encoder_ffn_dim=16,
            decoder_ffn_dim=16,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            **hf_labels(),
        )
    )
    torch = library("torch")
    torch.nn.init.normal_(network.model.query_position_embeddings.weight, std=2.0)
    linear = [layer for layer in network.model.decoder.modules() if isinstance(layer, torch.nn.Linear)]
    enliven(linear, 0.5, 0.0, 5)  # else all queries answer the same
    heads, boxes = [network.class_labels_classifier], [network.bbox_predictor.layers[-1]]
    return hugging_face(file, network, heads, boxes, t.DetrImageProcessor(), scores="softmax")


def dfine(file: Path) -> Made:
    torch, package = library("torch"), library("dfine")
    backbone = library("dfine.backends.native.hgnetv2").HGNetv2
    # The smallest that there is has 4 million weights; this one has the same blocks, fewer of them.
    backbone.arch_configs["B0"] = {
        "stem_channels": [3, 8, 8],
        "stage_config": {
            "stage1": [8, 8, 16, 1, False, False, 3, 1],
            "stage2": [16, 8, 16, 1, True, False, 3, 1],
            "stage3": [16, 8, 16, 1, True, True, 3, 1],
            "stage4": [16, 8, 16, 1, True, True, 3, 1],
        },
        "url": "",
    }
    library("dfine.config")._HGNET_STAGE_CHANNELS["hgnetv2_b0"] = (16, 16, 16, 16)
    torch.manual_seed(0)
    model = package.DFINE(
        config=package.DFINEConfig(
            num_classes=2,
            class_names=list(NAMES.values()),
            imgsz=SQUARE,
            backbone="hgnetv2_b0",
            backbone_pretrained=False,
            hidden_dim=16,
            in_channels=[16, 16, 16],
            feat_channels=[16, 16, 16],
            nhead=2,
            encoder_dim_feedforward=16,
            encoder_expansion=0.5,
            depth_mult=0.34,
            num_queries=30,
            num_top_queries=30,
            decoder_dim_feedforward=16,
            decoder_layers=1,
            decoder_nhead=2,
            lqe_hidden_dim=8,
            num_denoising=0,
        )
    )
    network = model.model.eval()
    decoder = network.decoder
    enliven([decoder.enc_score_head, *decoder.dec_score_head], 0.6, -1.0, 3)
    enliven([branch.layers[-1] for branch in (decoder.enc_bbox_head, *decoder.dec_bbox_head)], 0.3, 0.0, 4)
    image = np.ascontiguousarray(picture(SQUARE, SQUARE)[..., ::-1])
    tensor = torch.from_numpy(image.transpose(2, 0, 1)[None].copy()).float() / 255
    library("dfine.export.onnx").export_onnx(
        network, model.postprocessor, file, imgsz=SQUARE, opset=OPSET, dynamic=False
    )
    onnx = library("onnx")
    exported_model = onnx.load(str(file))
    onnx.helper.set_model_props(exported_model, {"labels": json.dumps(list(NAMES.values()))})
    onnx.save(exported_model, str(file))
    with torch.no_grad():
        found = model.postprocessor(network(tensor), torch.tensor([[SQUARE, SQUARE]]))[0]
    how = "its network in PyTorch and `DFINEPostProcessor`"
    return Made("pydfine", "Apache-2.0", how, *enough(lambda least: rows(found, least)))


def rfdetr(file: Path) -> Made:
    """The real graph on a backbone of two thin layers: the smallest on offer has 20 million weights."""
    torch = library("torch")
    dinov2 = library("rfdetr.models.backbone.dinov2")
    configs = dinov2.get_config

    def thin(*arguments: Any, **named: Any) -> dict[str, Any]:
        smaller: dict[str, Any] = configs(*arguments, **named) | {
            "hidden_size": 16,
            "num_attention_heads": 2,
            "num_hidden_layers": 2,
            "mlp_ratio": 1,
        }
        return smaller

    dinov2.get_config = thin
    dinov2.size_to_width["small"] = 16
    # Bound as a default of many functions, so changed in place.
    object.__setattr__(library("rfdetr.models").MODEL_DEFAULTS, "dim_feedforward", 32)
    torch.manual_seed(0)
    model = library("rfdetr").RFDETRNano(
        pretrain_weights=None,
        num_classes=2,
        device="cpu",
        resolution=SQUARE,
        positional_encoding_size=SQUARE // 16,
        out_feature_indexes=[1, 2],
        hidden_dim=32,
        dec_layers=1,
        sa_nheads=2,
        ca_nheads=2,
        num_queries=30,
        num_select=30,
        group_detr=1,
    )
    network = model.model.model
    transformer = network.transformer
    heads = [network.class_embed, *transformer.enc_out_class_embed]
    enliven(heads, 0.6, -1.0, 3)
    branches = [network.bbox_embed, *transformer.enc_out_bbox_embed]
    enliven([branch.layers[-1] for branch in branches], 0.3, 0.0, 4)
    model.export(output_dir=str(file.parent), opset_version=OPSET, verbose=False)
    written = next(file.parent.glob("*.onnx"))
    onnx = library("onnx")
    exported_model = onnx.load(str(written))
    onnx.helper.set_model_props(exported_model, {"labels": json.dumps(list(NAMES.values()))})
    onnx.save(exported_model, str(file))

    def find(least: float, size: tuple[int, int] = (SQUARE, SQUARE)) -> list[list[float]]:
        image = np.ascontiguousarray(picture(*size)[..., ::-1])
        found = model.predict(image, threshold=least)
        return [
            [*box, score, float(label)]
            for box, score, label in zip(
                found.xyxy.tolist(), found.confidence.tolist(), found.class_id.tolist(), strict=True
            )
            if label in NAMES
        ]

    least, boxes = enough(find)
    how = "`RFDETRNano.predict`, without its class for nothing"
    return Made("rfdetr", "Apache-2.0", how, least, boxes, find(least, WHOLE))
