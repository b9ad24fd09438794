"""What operators need: metrics, health, verifying, leaving in order."""
