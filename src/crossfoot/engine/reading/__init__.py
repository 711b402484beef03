"""What is read of both sides, when it counts as read, and what changed since."""
