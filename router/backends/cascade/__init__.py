"""Cheap first: answers checked before they are given, and what checks them."""
