"""What lies beside the weights in the folder of a trained agent, by name."""

TEMPLATE = "template.j2"
"""The prompt that it knows."""
CALIBRATION = "calibration.json"
"""How its probabilities are mapped."""
REPORT = "training.json"
"""How it was trained; there once the training is over."""
