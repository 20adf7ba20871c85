"""What all rooms share of the call in hand: its deadline, and the state of its body."""
