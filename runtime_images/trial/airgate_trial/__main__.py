"""`python -m airgate_trial` is the command `airgate-trial`."""

import sys

from airgate_trial.cli import main

sys.exit(main())
