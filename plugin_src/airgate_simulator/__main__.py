"""`python -m airgate_simulator`: the same as `airgate-simulate-qaic`."""

import sys

from airgate_simulator.cli import main

sys.exit(main())
