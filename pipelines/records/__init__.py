"""Which records of an output folder a user asks for, found without reading all of them."""
