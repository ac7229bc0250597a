"""The environment of each rank of a job on 2 nodes with 4 ranks: Slurm starts torchrun on each."""

from __future__ import annotations

from collections.abc import Iterator

NODES, RANKS = 2, 4
HOSTS = ("ip-10-1-27-4", "ip-10-1-31-88")
# The same everywhere: what a launch script exports, and what Slurm says of the job.
JOB = {
    "PATH": "/opt/aws/neuron/bin:/home/ml/venv/bin:/usr/local/bin:/usr/bin:/bin",
    "LD_LIBRARY_PATH": "/opt/amazon/efa/lib:/opt/amazon/openmpi/lib64",
    "LANG": "C.UTF-8",
    "USER": "ml",
    "HOME": "/home/ml",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "64",
    "FI_PROVIDER": "efa",
    "FI_EFA_USE_DEVICE_RDMA": "1",
    "FI_EFA_FORK_SAFE": "1",
    "FI_LOG_LEVEL": "warn",
    "CCOM_SOCKET_IFNAME": "ens32",
    "PJRT_DEVICE": "NEURON",
    "NEURON_CC_FLAGS": "--model-type=transformer -O1 --cache_dir=/fsx/cache --retry_failed",
    "NEURON_COMPILE_CACHE_URL": "/fsx/ml/neuron-cache",
    "NEURON_FUSE_SOFTMAX": "1",
    "NEURON_FSDP": "1",
    "NEURON_LOGICAL_NC_CONFIG": "2",
    "NEURON_TRANSFER_WITH_STATIC_RING_OPS": "",
    "NEURON_RT_NUM_CORES": "8",
    "NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS": "3",
    "NEURON_RT_STOCHASTIC_ROUNDING_EN": "1",
    "NEURON_RT_EXEC_TIMEOUT": "600",
    "NEURON_RT_ROOT_COMM_ID": f"{HOSTS[0]}:46820",
    "NEURON_PJRT_PROCESSES_NUM_DEVICES": "4,4",
    "NEURON_PARALLEL_COMPILE_MAX_WORKERS": "8",
    "XLA_USE_BF16": "1",
    "XLA_DOWNCAST_BF16": "0",
    "XLA_IR_SHAPE_CACHE_SIZE": "20480",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "NKI_FRONTEND": "beta2",
    "SLURM_JOB_ID": "48213",
    "SLURM_JOBID": "48213",
    "SLURM_JOB_NAME": "llama",
    "SLURM_JOB_NODELIST": "ip-10-1-27-4,ip-10-1-31-88",
    "SLURM_NODELIST": "ip-10-1-27-4,ip-10-1-31-88",
    "SLURM_JOB_NUM_NODES": "2",
    "SLURM_NNODES": "2",
    "SLURM_NTASKS": "2",
    "SLURM_NPROCS": "2",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NODELIST": "ip-10-1-27-4,ip-10-1-31-88",
    "SLURM_SUBMIT_DIR": "/fsx/ml/run",
    "SLURM_SUBMIT_HOST": "login-1",
    "SLURM_LAUNCH_NODE_IPADDR": "10.1.27.4",
    "SLURM_SRUN_COMM_PORT": "41237",
    "MASTER_ADDR": HOSTS[0],
    "MASTER_PORT": "41000",
    "JAX_COORDINATOR_PORT": "41001",
}


def environments() -> Iterator[dict[bytes, bytes]]:
    """One environment for each rank, in order."""
    for node in range(NODES):
        for local in range(RANKS):
            text = {**JOB, **_of_node(node), **_of_rank(node, local)}
            yield {name.encode(): value.encode() for name, value in text.items()}


def _of_node(node: int) -> dict[str, str]:
    """What srun sets for its one task on a node, and the launch script from it."""
    return {
        "HOSTNAME": HOSTS[node],
        "SLURMD_NODENAME": HOSTS[node],
        "SLURM_NODEID": str(node),
        "SLURM_PROCID": str(node),
        "SLURM_LOCALID": "0",
        "SLURM_GTIDS": str(node),
        "SLURM_TASK_PID": str(71230 + 911 * node),
        "SLURM_TOPOLOGY_ADDR": HOSTS[node],
        "SLURM_CPU_BIND_LIST": f"0x{node + 1:x}",
        "TMPDIR": f"/scratch/slurm-48213/{node}",
        "NEURON_PJRT_PROCESS_INDEX": str(node),
        "NEURON_DUMP_PATH": f"/fsx/ml/dump/{node}",
        "NEURON_RT_INSPECT_OUTPUT_DIR": f"/fsx/ml/profile/{HOSTS[node]}",
        "XLA_FLAGS": f"--xla_dump_to=/fsx/ml/hlo/{node} --xla_dump_hlo_as_proto "
        "--xla_disable_hlo_passes=aws_neuron_flip_all_gather_dot",
    }


def _of_rank(node: int, local: int) -> dict[str, str]:
    """What torchrun sets for each of its workers, and torch_neuronx below it."""
    rank = node * RANKS + local
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(local),
        "GROUP_RANK": str(node),
        "ROLE_RANK": str(rank),
        "ROLE_NAME": "default",
        "WORLD_SIZE": str(NODES * RANKS),
        "LOCAL_WORLD_SIZE": str(RANKS),
        "GROUP_WORLD_SIZE": str(NODES),
        "ROLE_WORLD_SIZE": str(NODES * RANKS),
        "TORCHELASTIC_RUN_ID": "48213",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "TORCHELASTIC_MAX_RESTARTS": "0",
        "TORCHELASTIC_ERROR_FILE": f"/tmp/torchelastic_{rank}x7/48213/attempt_0/{local}/error.json",
        "PJRT_LOCAL_PROCESS_RANK": str(local),
        "PJRT_LOCAL_PROCESS_COUNT": str(RANKS),
        "NEURON_RT_VISIBLE_CORES": f"{2 * local}-{2 * local + 1}",
        "NEURON_RT_LOG_LOCATION": f"/var/log/neuron/rank-{rank}",
        "TORCH_NEURONX_DEBUG_DIR": f"/tmp/debug-{rank}",
    }
