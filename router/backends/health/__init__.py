"""How each backend fares: breakers, slots, ejection, load."""
