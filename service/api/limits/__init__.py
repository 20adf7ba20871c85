"""What one caller may do: calls in a window of time, and look-ups that find nothing."""
