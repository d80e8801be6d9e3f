"""What is learnt: units, RBMs, DBNs and what becomes of them; and views of data as a model sees them."""
