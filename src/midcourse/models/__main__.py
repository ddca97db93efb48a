"""`python -m midcourse.models`: fetch and convert the bundled model."""

import sys

from midcourse.errors import UserError
from midcourse.models import bundled

if __name__ == "__main__":
    try:
        print(bundled.ensure(lambda message: print(message, file=sys.stderr, flush=True)))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
