"""Fail unless each picture named exists and has colour: python check_colour.py FILE..."""

import sys
from pathlib import Path

import cv2
import numpy as np

for name in sys.argv[1:]:
    pixels = cv2.imdecode(np.frombuffer(Path(name).read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3:
        sys.exit(f"{name} is no colour picture")
    levels = float(np.ptp(pixels[..., :3].astype(np.float32), axis=-1).mean())
    levels /= np.iinfo(pixels.dtype).max
    print(f"{name}: {pixels.shape}, spread of the channels {levels:.3f}")
    if levels < 0.01:
        sys.exit(f"{name} is grey")
