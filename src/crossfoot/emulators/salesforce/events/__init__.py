"""Change events and platform events: the event bus of an emulated org, and the Pub/Sub API over it (SF 5)."""
