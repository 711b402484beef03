"""The Salesforce emulator: an org with its REST API, its rules and its OAuth endpoints.

``handle`` is the whole of it: deterministic, single-threaded, without input, output or a clock of its own.
"""

from crossfoot.emulators.salesforce.org import DEFAULT_SETTINGS, new_world
from crossfoot.emulators.salesforce.service import handle
from crossfoot.emulators.salesforce.world import World

__all__ = ["DEFAULT_SETTINGS", "World", "handle", "new_world"]
