"""Warnings about what a policy may say but probably does not mean."""
