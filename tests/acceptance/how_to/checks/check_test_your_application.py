import subprocess
import sys

# The same as the entry point of an installed one.
COMMAND = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "pytest_conveyor"]


def check(_page):
    subprocess.run([*COMMAND, "test_reports.py", "test_real.py"], check=True)
