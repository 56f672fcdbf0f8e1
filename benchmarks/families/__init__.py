"""The families of models side by side: what each gives, and how much the samples differ."""
