"""Settings of PostgreSQL that follow from the memory limit and from the size of the disk."""

_MB = 1024**2


def memory_settings(limit: int, connections: int) -> dict[str, str]:
    """Return the settings for a memory limit in bytes, by PostgreSQL's own guidance.

    A quarter for shared_buffers: https://www.postgresql.org/docs/15/runtime-config-resource.html
    Half for effective_cache_size, the conservative value, and a part of the rest for each connection:
    https://wiki.postgresql.org/wiki/Tuning_Your_PostgreSQL_Server
    """
    megabytes = limit // _MB
    return {
        "shared_buffers": f"{megabytes // 4}MB",
        "effective_cache_size": f"{megabytes // 2}MB",
        "maintenance_work_mem": f"{min(max(megabytes // 16, 16), 2048)}MB",
        "work_mem": f"{max(limit // 4 // connections // 1024, 4096)}kB",
        # A thirty-second of shared_buffers, as PostgreSQL chooses, would be below one segment on small pods.
        "wal_buffers": f"{min(max(megabytes // 128, 1), 16)}MB",
    }


def disk_settings(size: int) -> dict[str, str]:
    """Return the settings that keep write-ahead logs from filling a disk of so many bytes.

    A standby that is away for longer than these segments last copies the whole database again.
    """
    megabytes = size // _MB
    return {
        "max_wal_size": f"{min(max(megabytes // 5, 64), 1024)}MB",
        "min_wal_size": f"{min(max(megabytes // 20, 32), 80)}MB",
        "max_slot_wal_keep_size": f"{min(max(megabytes // 5, 64), 65536)}MB",
    }
