"""The parts of the page *Separability*."""
