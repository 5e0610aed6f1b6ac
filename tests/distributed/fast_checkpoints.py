"""The command line with a checkpoint after every epoch, and the process id of each rank in a file `pid.<rank>`."""

import os
from pathlib import Path

from labelaudit.cli.app import main
from labelaudit.training import job

if __name__ == "__main__":
    job._CHECKPOINT_EVERY_S = 0.0
    Path(f"pid.{os.environ['RANK']}").write_text(str(os.getpid()))
    main()
