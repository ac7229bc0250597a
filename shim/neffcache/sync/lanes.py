"""Door: several things at once, begun in order; after the first that fails none is begun."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# What is under way at once, at most: for a remote, what one host may ask of it; for this host,
# memory and open files.
MOST = 4


def each(
    work: "Callable[[str], None]", names: "Sequence[str]", count: int
) -> "list[tuple[str, BaseException]]":
    """Do some work for each name, for at most `count` of them at a time.

    Whoever has begun is waited for, whatever happens to the others.

    Returns:
        Those that failed, in the order in which they were begun; none: all are done.
    """
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    with ThreadPoolExecutor(max(min(count, MOST), 1)) as pool:
        tasks = [pool.submit(work, name) for name in names]
        wait(tasks, return_when=FIRST_EXCEPTION)
        for task in tasks:
            task.cancel()
    failed: list[tuple[str, BaseException]] = []
    for name, task in zip(names, tasks, strict=True):
        problem = None if task.cancelled() else task.exception()
        if problem is not None:
            failed.append((name, problem))
    return failed
