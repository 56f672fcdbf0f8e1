"""The trained model: its bundle, its families, the device that it runs on, and Colorizer, the way in."""
