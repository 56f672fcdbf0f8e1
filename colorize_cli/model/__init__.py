"""The trained model: its bundle, its family, the device that it runs on, and the way in."""
