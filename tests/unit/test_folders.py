"""The lab's temporary folders go with their process, also where it was killed."""

import subprocess
import sys
from pathlib import Path

from lab import folders
from tests.conftest import ROOT


def test_a_killed_process_s_folder_goes_and_a_running_one_s_stays() -> None:
    mine = folders.make("test")
    program = (
        "import os; from lab import folders; print(folders.make('test'), flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    left = Path(killed.stdout.strip())
    try:
        (left / "key.pem").write_text("key")
        assert left.stat().st_mode & 0o077 == 0
        assert str(left) in folders.clean()
        assert not left.exists()
        assert mine.exists()
    finally:
        mine.rmdir()
