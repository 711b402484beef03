"""The pure core: it decides, and knows no input, output, clock or randomness."""
