"""Tensors written to a GGUF file one at a time, each in the numbers that were asked for.

`type` is what matrices are written as. Vectors and norms stay float32, as llama.cpp wants them; a matrix whose rows
do not divide into blocks of 32 is float16 in a file of `q8_0`. Shapes are those of transformers, rows first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from gguf import (
    GGML_QUANT_VERSION,
    GGMLQuantizationType,
    GGUFWriter,
    LlamaFileType,
    quant_shape_to_byte_shape,
    quantize,
)

if TYPE_CHECKING:
    import torch

Type = Literal["f32", "f16", "bf16", "q8_0"]
FILE_TYPES = {
    "f32": LlamaFileType.ALL_F32,
    "f16": LlamaFileType.MOSTLY_F16,
    "bf16": LlamaFileType.MOSTLY_BF16,
    "q8_0": LlamaFileType.MOSTLY_Q8_0,
}
BLOCK = 32  # numbers that q8_0 scales together
Progress = Callable[[str, int, int], None]


class Planned(NamedTuple):
    """A tensor to be written; `make` gives its numbers in float32 when it is its turn."""

    name: str
    shape: tuple[int, ...]
    make: Callable[[], np.ndarray]


def numbers(tensor: torch.Tensor) -> np.ndarray:
    """A tensor as float32 in memory."""
    found: np.ndarray = tensor.detach().float().cpu().contiguous().numpy()
    return found


def turned(array: np.ndarray, heads: int) -> np.ndarray:
    """Rows of each head in llama.cpp's order: what transformers rotates together stands side by side."""
    if not heads:
        return array
    rows = array.reshape(heads, 2, len(array) // heads // 2, *array.shape[1:])
    return np.ascontiguousarray(rows.swapaxes(1, 2).reshape(array.shape))


def kind(shape: Sequence[int], type: Type) -> GGMLQuantizationType:
    """What a tensor of this shape is written as in a file of `type`."""
    if len(shape) < 2:
        return GGMLQuantizationType.F32
    if type == "q8_0" and shape[-1] % BLOCK:
        return GGMLQuantizationType.F16
    return GGMLQuantizationType[type.upper()]


def write(path: Path, writer: GGUFWriter, planned: Sequence[Planned], type: Type, progress: Progress) -> None:
    """Write the file, whose keys `writer` has already, onto the disk. `OSError` where there is no room."""
    writer.add_file_type(FILE_TYPES[type])
    writer.add_quantization_version(GGML_QUANT_VERSION)
    for tensor in planned:
        form = kind(tensor.shape, type)
        size = int(np.prod(quant_shape_to_byte_shape(tensor.shape, form)))
        writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float32), size, raw_dtype=form)
    try:
        writer.write_header_to_file(path)
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for done, tensor in enumerate(planned):
            progress("writing tensors", done, len(planned))
            writer.write_tensor_data(quantize(tensor.make(), kind(tensor.shape, type)))
        progress("writing tensors", len(planned), len(planned))
        writer.flush()
    finally:
        writer.close()
    with path.open("rb") as file:
        os.fsync(file.fileno())
