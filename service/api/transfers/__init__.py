"""Long bodies, in and out: how many there may be, how they are read and how they are sent."""
