"""Light libraries in the shape of those that save: what the hooks see of the real ones."""

from __future__ import annotations

from pathlib import Path

NAMES = ("torch", "transformers", "safetensors", "torch_xla", "neuronx_distributed")
_FILES = {
    "torch/__init__.py": "from torch.serialization import load, save\n",
    "torch/serialization.py": '''\
import os, pickle
def save(obj, f, pickle_module=pickle, pickle_protocol=2, _use_new_zipfile_serialization=True):
    """Saves an object."""
    if isinstance(f, (str, os.PathLike)):
        with open(f, "wb") as file:
            return pickle_module.dump(obj, file, pickle_protocol)
    return pickle_module.dump(obj, f, pickle_protocol)
def load(f):
    with open(f, "rb") as file:
        return pickle.load(file)
''',
    "safetensors/__init__.py": "",
    "safetensors/torch.py": """\
def save_file(tensors, filename, metadata=None):
    with open(filename, "wb") as file:
        file.write(repr(tensors).encode())
def save_model(model, filename, metadata=None, force_contiguous=True):
    save_file({}, filename, metadata)
""",
    "safetensors/numpy.py": """\
def save_file(tensor_dict, filename, metadata=None):
    with open(filename, "wb") as file:
        file.write(repr(tensor_dict).encode())
""",
    "torch_xla/__init__.py": "",
    "torch_xla/core/__init__.py": "",
    "torch_xla/core/xla_model.py": """\
import torch
def save(data, file_or_path, master_only=True, global_master=False):
    torch.save(data, file_or_path)
""",
    "neuronx_distributed/__init__.py": "",
    "neuronx_distributed/trainer/__init__.py": "from .checkpoint import save_checkpoint\n",
    "neuronx_distributed/trainer/checkpoint.py": """\
def save_checkpoint(path, tag="", model=None, **options):
    with open(path + tag, "w") as file:
        file.write("x")
""",
    "transformers/__init__.py": "",
    "transformers/trainer_callback.py": """\
class TrainerCallback:
    def on_save(self, args, state, control, **kwargs): ...
    def on_train_end(self, args, state, control, **kwargs): ...
class DefaultFlowCallback(TrainerCallback): ...
""",
    "transformers/trainer.py": """\
from transformers.trainer_callback import DefaultFlowCallback
DEFAULT_CALLBACKS = [DefaultFlowCallback]
class Trainer:
    def __init__(self, callbacks=None):
        kinds = DEFAULT_CALLBACKS + (callbacks or [])
        self.callbacks = [one() if isinstance(one, type) else one for one in kinds]
    def tell(self, event):
        return [getattr(one, event)(None, None, "control", model=None) for one in self.callbacks]
    def train(self):
        self.tell("on_save")
        self.tell("on_train_end")
""",
}


def write(folder: Path) -> None:
    """Put them all below a directory of sys.path."""
    for name, text in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
