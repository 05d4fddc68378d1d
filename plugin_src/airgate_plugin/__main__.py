"""`python -m airgate_plugin`: the same as `airgate-plugin`."""

import sys

from airgate_plugin.cli import main

sys.exit(main())
