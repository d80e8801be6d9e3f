"""An RBM, or a DBN layer by layer, learns without labels: contrastive divergence and what became of it."""
