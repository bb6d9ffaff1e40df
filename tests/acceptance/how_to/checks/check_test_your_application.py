import subprocess
import sys


def check(_page):
    subprocess.run([sys.executable, "-m", "pytest", "-q", "test_report.py"], check=True)
