"""Jobs: queue, worker process, runtimes, sandbox, logs and live updates."""
