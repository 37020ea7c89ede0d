"""The physics, one package per detector, reached only by name through the registry."""
