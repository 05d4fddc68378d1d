"""`python -m airgate_serving` is `airgate-serve`."""

import sys

from airgate_serving.cli import main

sys.exit(main())
