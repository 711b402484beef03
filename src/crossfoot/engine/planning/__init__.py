"""What stored records mean: customers, documents and shared values decided, without a call to either side."""
