"""How figures look: style, axes, distributions, classifiers. No physics."""
