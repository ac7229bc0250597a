"""Small graphs as StableHLO text, and the same as HLO protos, for the tests of the SDK."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from neuronxcc import xla

ADD = """module @add {
  func.func public @main(%a: tensor<2x3xf32>, %b: tensor<2x3xf32>) -> tensor<2x3xf32> {
    %0 = stablehlo.add %a, %b : tensor<2x3xf32>
    return %0 : tensor<2x3xf32>
  }
}
"""
MULTIPLY = ADD.replace("stablehlo.add", "stablehlo.multiply")
BF16 = ADD.replace("f32", "bf16")
RENAMED = ADD.replace("%a", "%left").replace("%0", "%sum").replace("@add", "@other")
DOT = """module @dot {
  func.func public @main(%x: tensor<4x8xf32>, %w: tensor<8x2xf32>) -> tensor<4x2xf32> {
    %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0]
      : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
    %1 = stablehlo.tanh %0 : tensor<4x2xf32>
    return %1 : tensor<4x2xf32>
  }
}
"""
# The state (second argument) is updated in place: output 1 may reuse its memory.
ALIASED = """module @step {
  func.func public @main(%w: tensor<3xf32>, %state: tensor<3xf32> {tf.aliasing_output = 1 : i32},
      %x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
    %0 = stablehlo.multiply %w, %x : tensor<3xf32>
    %1 = stablehlo.add %state, %0 : tensor<3xf32>
    return %0, %1 : tensor<3xf32>, tensor<3xf32>
  }
}
"""


def hlo(text: str) -> bytes:
    """A StableHLO program as the HLO proto that torch_xla or JAX would write."""
    return xla.stablehlo_to_hlo(text.encode())


def kernel_call(path: str, nested: bool = True) -> str:
    """A graph that calls the NKI kernel in a file."""
    stated = {"klir_binary": {"binary": path}} if nested else {"klir_binary.binary": path}
    config = base64.b64encode(json.dumps(stated).encode()).decode()
    return f"""module @nki {{
  func.func public @main(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {{
    %0 = stablehlo.custom_call @AwsNeuronCustomNativeKernel(%a) {{
      backend_config = "{config}", api_version = 2 : i32
    }} : (tensor<2x3xf32>) -> tensor<2x3xf32>
    return %0 : tensor<2x3xf32>
  }}
}}
"""


def all_reduce(ranks: int) -> str:
    """A sum over one replica group."""
    group = ", ".join(map(str, range(ranks)))
    return f"""module @sum attributes {{mhlo.num_replicas = {ranks} : i32}} {{
  func.func public @main(%a: tensor<3xf32>) -> tensor<3xf32> {{
    %0 = "stablehlo.all_reduce"(%a) ({{
      ^bb0(%x: tensor<f32>, %y: tensor<f32>):
        %s = stablehlo.add %x, %y : tensor<f32>
        stablehlo.return %s : tensor<f32>
    }}) {{replica_groups = dense<[[{group}]]> : tensor<1x{ranks}xi64>}}
      : (tensor<3xf32>) -> tensor<3xf32>
    return %0 : tensor<3xf32>
  }}
}}
"""


def gather_and_scatter(ranks: int) -> str:
    """Shards gathered from all ranks, then summed and scattered again."""
    group = ", ".join(map(str, range(ranks)))
    groups = f"replica_groups = dense<[[{group}]]> : tensor<1x{ranks}xi64>"
    whole = f"tensor<{2 * ranks}xf32>"
    return f"""module @shards attributes {{mhlo.num_replicas = {ranks} : i32}} {{
  func.func public @main(%a: tensor<2xf32>) -> (tensor<2xf32>, {whole}) {{
    %0 = "stablehlo.all_gather"(%a) {{all_gather_dim = 0 : i64, {groups}}}
      : (tensor<2xf32>) -> {whole}
    %1 = "stablehlo.reduce_scatter"(%0) ({{
      ^bb0(%x: tensor<f32>, %y: tensor<f32>):
        %s = stablehlo.add %x, %y : tensor<f32>
        stablehlo.return %s : tensor<f32>
    }}) {{scatter_dimension = 0 : i64, {groups}}} : ({whole}) -> tensor<2xf32>
    return %1, %0 : tensor<2xf32>, {whole}
  }}
}}
"""


def write(path: Path, graph: str | bytes) -> Path:
    """Write a graph file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(graph.encode() if isinstance(graph, str) else graph)
    return path
