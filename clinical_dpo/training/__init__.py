"""Training: supervised fine-tuning (SFT) and direct preference optimization (DPO)."""
