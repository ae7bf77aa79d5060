"""What a fix costs on this machine, in three ways to bring it in, in one run."""
