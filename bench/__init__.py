"""What performance claims are measured with: counts and ratios, never a timed test."""
