"""The state of the current call that all rooms share: its deadline and its body."""
