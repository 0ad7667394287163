"""TensorFlow networks to model packages, checked against TensorFlow."""
