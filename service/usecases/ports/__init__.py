"""What use cases need from the outside, a port a module: store and worker implement them."""
