"""`python -m colorize_cli`."""

import sys

from .app import main

sys.exit(main())
