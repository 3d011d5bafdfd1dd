"""Train, calibrate and evaluate the classifier that ships."""
