"""Asking a backend the probe prompts, for `turnout calibrate`."""
