"""What is true in a room: its products, pin, sale phases, sequence, snapshot, and the log of it all."""
