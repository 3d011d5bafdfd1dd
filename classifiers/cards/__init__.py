"""Ability cards: what one kind of backend can do, fitted and watched."""
