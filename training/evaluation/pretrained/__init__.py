"""The pretrained networks that metrics compare pictures with."""
