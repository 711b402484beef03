"""What goes to Xero: intent first, then the call, then proof by reading; and what an unknown outcome was."""
