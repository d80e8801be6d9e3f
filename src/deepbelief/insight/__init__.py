"""What a layer learnt, as arrays that can be drawn or measured."""
