"""How models learn: RBMs by contrastive divergence, models with labels, and networks by backpropagation."""
