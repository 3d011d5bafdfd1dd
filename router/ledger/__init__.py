"""What a customer may spend, kept exactly."""
