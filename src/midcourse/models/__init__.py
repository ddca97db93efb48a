"""Models on this machine: find, load, give an adapter, save.

Importing this package imports neither torch nor transformers.
"""

from midcourse.models.adapters import add_lora, attach, save
from midcourse.models.device import DType, best_device
from midcourse.models.find import UNBOUNDED, configuration, context_length, load_tokenizer, quick_imports, resolve
from midcourse.models.loaded import Loaded
from midcourse.models.loading import load

__all__ = [
    "UNBOUNDED",
    "DType",
    "Loaded",
    "add_lora",
    "attach",
    "best_device",
    "configuration",
    "context_length",
    "load",
    "load_tokenizer",
    "quick_imports",
    "resolve",
    "save",
]
