"""Interop: what optimum-neuron's own code does with a cache; run by the Python that has it."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

TASK = "text-generation"

# Nothing here decides anything: each command is one call of theirs, the answer one line of JSON.


def compile_graph(root: str, graph: str, key: str, *flags: str) -> dict[str, object]:
    """A compile in their cache session. No compiler is on PATH: only a hit can succeed."""
    hub_cache, libncc = _theirs("cache.hub_cache"), importlib.import_module("libneuronxla.libncc")
    module = Path(graph).read_bytes()
    with hub_cache.hub_neuronx_cache(cache_dir=root):
        try:
            neff = libncc.neuron_xla_compile(module, list(flags), cache_key=key, cache_dir=root)
        except FileNotFoundError as error:
            return {"compiler": error.filename}
    return {"neff": hashlib.sha256(neff).hexdigest()}


def compile_locally(root: str, graph: str, key: str, *flags: str) -> dict[str, object]:
    """A compile into a local cache, by the compiler on PATH, no Hub in it; where it came to lie."""
    cache, libncc = _library("neuron_cc_cache"), _library("libncc")
    module = Path(graph).read_bytes()
    neff = libncc.neuron_xla_compile(module, list(flags), cache_key=key, cache_dir=root)
    url = cache.CacheUrl.get_cache_url(cache_dir=root)
    entry = cache.create_compile_cache(url).lookup(key, ["--target=trn1", *flags])
    place = os.path.relpath(os.path.dirname(entry.neff_path), root)
    return {"neff": hashlib.sha256(neff).hexdigest(), "entry": place}


def look_up(root: str, count: str) -> dict[str, object]:
    """Ask for graphs one after another, as one process of a job does, and fetch what is there."""
    hub_cache, cache = _theirs("cache.hub_cache"), _library("neuron_cc_cache")
    found, places = 0, []
    with hub_cache.hub_neuronx_cache(cache_dir=root), tempfile.TemporaryDirectory() as folder:
        for number in range(int(count)):
            url = cache.CacheUrl.get_cache_url(cache_dir=root)
            entry = cache.create_compile_cache(url).lookup(f"{number:020}", [])
            places.append(os.path.relpath(os.path.dirname(entry.neff_path), root))
            if entry.exists:
                found += 1
                entry.download_neff(f"{folder}/{number}.neff")
                entry.download_wrapped_neff(f"{folder}/{number}.hlo")
    return {"found": found, "places": places}


def synchronize(root: str) -> dict[str, object]:
    """Push a local cache to the repository that they choose."""
    _theirs("cache.hub_cache").synchronize_hub_cache(cache_path=root)
    return {}


def register(root: str, model: str) -> dict[str, object]:
    """End a cache session for a model: it is entered in the registry of the local cache."""
    hub_cache, entries = _theirs("cache.hub_cache"), _theirs("cache.entries.single_model")
    config = importlib.import_module("transformers").AutoConfig.from_pretrained(model)
    entry = entries.SingleModelCacheEntry("acme/tiny", TASK, config, {"tp_degree": 2})
    with hub_cache.hub_neuronx_cache(entry=entry, cache_dir=root):
        pass
    return {}


def registered(model: str) -> dict[str, object]:
    """What the registry on the Hub says of a model, and which models it knows."""
    hub_cache = _theirs("cache.hub_cache")
    known = hub_cache.get_hub_cached_models(os.environ["CUSTOM_CACHE_REPO"])
    found = hub_cache.get_hub_cached_entries(model, TASK)
    return {"entries": found, "models": sorted("/".join(one) for one in known)}


def set_repo(name: str) -> dict[str, object]:
    """Save a name, as `optimum-cli neuron cache set` does."""
    utils = _theirs("utils.cache_utils")
    utils.set_custom_cache_repo_name_in_hf_home(name, hf_home=utils.HF_HOME)
    return {}


def create_repo(name: str) -> dict[str, object]:
    """Create a repository and save its name, as `optimum-cli neuron cache create` does."""
    return {"id": _theirs("utils.cache_utils").create_custom_cache_repo(name).repo_id}


def which() -> dict[str, object]:
    """The repositories that they would read, in their order."""
    return {"repos": _theirs("utils.cache_utils").get_hf_hub_cache_repos()}


def compile_with_hooks(
    order: str, root: str, graph: str, key: str, *flags: str
) -> dict[str, object]:
    """A compile in their cache session and one after it; our hooks come first, or theirs do."""
    import neffcache_hooks

    hub_cache, cache = _theirs("cache.hub_cache"), _library("neuron_cc_cache")
    libncc, entry = _library("libncc"), cache.CompileCacheEntry
    module, maker, own = Path(graph).read_bytes(), cache.create_compile_cache, entry.__enter__
    seen = []
    if order == "ours first":
        neffcache_hooks.enable()
    with hub_cache.hub_neuronx_cache(cache_dir=root):
        neffcache_hooks.enable()
        seen.append(libncc.create_compile_cache is not maker)
        neff = libncc.neuron_xla_compile(module, list(flags), cache_key=key, cache_dir=root)
        if order == "ours leave first":
            neffcache_hooks.disable()
            seen.append(libncc.create_compile_cache is not maker)
    seen.append(libncc.create_compile_cache is maker and cache.create_compile_cache is maker)
    again = libncc.neuron_xla_compile(module, list(flags), cache_key=key, cache_dir=root)
    neffcache_hooks.disable()
    seen += [entry.__enter__ is own, libncc.create_compile_cache is maker, again == neff]
    return {"neff": hashlib.sha256(neff).hexdigest(), "seen": seen}


def _theirs(name: str) -> Any:
    return importlib.import_module(f"optimum.neuron.{name}")


def _library(name: str) -> Any:
    return importlib.import_module(f"libneuronxla.{name}")


COMMANDS: dict[str, Callable[..., dict[str, object]]] = {
    "compile": compile_graph,
    "compile-locally": compile_locally,
    "compile-with-hooks": compile_with_hooks,
    "look-up": look_up,
    "synchronize": synchronize,
    "register": register,
    "registered": registered,
    "set": set_repo,
    "create": create_repo,
    "which": which,
}

if __name__ == "__main__":
    answer = COMMANDS[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(answer))
