"""The error of a plugin, for those who tell it and need none."""


class PluginError(Exception):
    """A plugin cannot be used; the message names its package and says what to do."""
