"""Google's generateContent: how the hub writes its requests and reads its answers."""
