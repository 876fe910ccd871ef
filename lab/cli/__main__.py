"""`python -m lab.cli`: the same as `feature-lab`, for where only the interpreter is known."""

import sys

from lab.cli import main

sys.exit(main())
