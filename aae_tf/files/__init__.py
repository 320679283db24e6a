"""Files and folders that processes share."""
