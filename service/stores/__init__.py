"""Where snapshots live: in memory, in a file, in Redis; all of them behind `store.Store`."""
