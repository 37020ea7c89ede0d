"""What is on disk: the only room that writes campaign files. No scheduler, no MPI, no physics."""
