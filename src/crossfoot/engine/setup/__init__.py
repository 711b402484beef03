"""Setting a workspace up, looking whether it is well, and taking it down."""
