"""The distributions that codes are matched to, and the parts of them that stand for classes."""
