"""Drills put load and faults on real parts, and report which promises were kept, with figures."""
