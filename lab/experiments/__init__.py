"""The experiments: what each asks (its request) and the function that answers it. `lab.registry` lists them."""
