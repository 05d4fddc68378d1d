"""`python -m airgate_gateway` is the command `airgate-gateway`."""

import sys

from airgate_gateway.cli import main

sys.exit(main())
