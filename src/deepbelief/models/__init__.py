"""The models: units, RBMs, DBNs and the networks made of them; and sources of data as a model sees them."""
