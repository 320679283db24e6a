"""What a model makes of a user's files (`--mode=predict`), behind a server or from its folder.

Knows SavedModels and servers by their signatures alone. Over REST TensorFlow isn't imported.
"""
