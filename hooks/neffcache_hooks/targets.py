"""Door: which modules are patched, and which room of ours knows how."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Module → room. A room is imported when the module is; its `patches(module)` gives the Patches.
MODULES: "dict[str, str]" = {
    "neuronxcc.driver.CommandDriver": "neffcache_hooks.inprocess",
    "torch": "neffcache_hooks.saving",
    "torch.serialization": "neffcache_hooks.saving",
    "torch_xla.core.xla_model": "neffcache_hooks.saving",
    "safetensors.torch": "neffcache_hooks.saving",
    "safetensors.numpy": "neffcache_hooks.saving",
    "transformers.trainer": "neffcache_hooks.saving",
    "neuronx_distributed.trainer": "neffcache_hooks.saving",
    "neuronx_distributed.trainer.checkpoint": "neffcache_hooks.saving",
}
# Package → rooms: every module of it, the package itself included.
PACKAGES: "dict[str, tuple[str, ...]]" = {
    # Where its cache's classes stand has changed between releases.
    "libneuronxla": ("neffcache_hooks.lookup", "neffcache_hooks.calls"),
    # These start the compiler, or may.
    **dict.fromkeys(
        (
            "torch_neuronx",
            "jax_neuronx",
            "neuronx_distributed",
            "neuronx_distributed_inference",
            "neuronx_distributed_training",
            "nkipy",
            "transformers_neuronx",
            "vllm_neuron",
        ),
        ("neffcache_hooks.calls",),
    ),
}


def rooms(name: str) -> "list[str]":
    """The rooms that patch this module; none: it is no target."""
    found = []
    if name in MODULES:
        found.append(MODULES[name])
    package = name.partition(".")[0]
    if package in PACKAGES:
        found += PACKAGES[package]
    return found


def imported(modules: "Mapping[str, object]") -> "list[str]":
    """The names of targets among the modules that are imported now."""
    found = [name for name in MODULES if name in modules]
    for package in PACKAGES:
        if package in modules:
            found += [
                name
                for name in list(modules)
                if name.partition(".")[0] == package and name not in MODULES
            ]
    return found
