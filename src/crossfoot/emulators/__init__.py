"""Stand-ins for Salesforce and Xero that ship with Crossfoot.

They import nothing of Crossfoot: a second, independent reading of the vendors' rules, so that the engine and the
emulators check each other. They meet over HTTP, or over an in-process transport that carries the same bytes.
"""
