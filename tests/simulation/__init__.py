"""The simulator: the engine and both emulators in one thread, on one virtual clock, with everything drawn by a seed."""
