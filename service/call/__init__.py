"""What the rooms share of the call in hand: until when it may wait, and whether its body is there."""
