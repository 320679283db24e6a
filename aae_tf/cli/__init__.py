"""The command line: flags, modes and messages. The only package that knows absl's flags."""
