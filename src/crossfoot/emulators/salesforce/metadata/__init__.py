"""The Metadata API: deploying, listing, retrieving and describing the parts of an org (SF 8).

A deployment is a zip of components. Each is judged against a draft of the org as it would be; only when the draft
stands does it become the org. A deployed field is there at once, and invisible until it is granted (SF 8.4).
"""
