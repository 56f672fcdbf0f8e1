"""`python -m colorize_cli`."""

import sys

from .cli.app import main

sys.exit(main())
