#!/usr/bin/env python3
"""Runs an experiment: `python run_experiment.py --help`."""

import sys

from aae_tf.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
