"""How images lie in an embedding, without fitting a class: neighbours, maps in the plane, likeness of two spaces."""
