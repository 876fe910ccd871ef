"""The certificate: systems whose right answer is known, put through the lab's own pipeline."""
