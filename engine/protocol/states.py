"""The states of a run; apart from the events, for a list of runs needs no more than these words."""

QUEUED, RUNNING, PAUSED = "queued", "running", "paused"
FINISHED, EARLY_STOPPED, STOPPED = "finished", "early-stopped", "stopped"
PRUNED, SKIPPED, DIVERGED, FAILED, CUT_OFF = "pruned", "skipped", "diverged", "failed", "cut off"

STATES = (
    QUEUED,
    RUNNING,
    PAUSED,
    FINISHED,
    EARLY_STOPPED,
    STOPPED,
    PRUNED,
    SKIPPED,
    DIVERGED,
    FAILED,
    CUT_OFF,
)
"""The states of a run, the same words in code, files, filters and screens."""
ENDED_FOR_GOOD = (FINISHED, EARLY_STOPPED, PRUNED, SKIPPED, DIVERGED)
"""Those that a run has a result in, and nothing is left to resume."""
RESUMABLE = (STOPPED, CUT_OFF, FAILED)
"""It ended before its time, and can go on."""
COMPLETE = (FINISHED, EARLY_STOPPED)
"""It was trained as far as was asked or made sense, and evaluated."""
