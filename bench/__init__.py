"""The same load on this gateway and on its peers, side by side: `python -m bench --help`."""
