"""Makes the documentation site: see `docs/make.py`."""
