"""What may be limited, over which windows, compiled for the scripts."""
