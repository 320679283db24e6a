"""What setup.cfg can't say: the packages found, and the folder of flagfiles as one more."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["aae_tf*"]), "aae_tf.flagfiles"])
