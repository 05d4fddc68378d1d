"""`python3 -m airgate_web COMMAND …`."""

import sys

from airgate_web.cli import main

sys.exit(main())
