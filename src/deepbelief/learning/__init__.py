"""How models learn: settings, negative phases, the training loop, fine-tuning."""
