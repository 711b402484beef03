from contextlib import contextmanager
@contextmanager
def planted(bug, machine):
    yield
